"""The TCP port for any editor: a token in `initialize`, and before it nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from petra import __version__
from petra.access import Identity, Presence
from petra.errors import NotAllowed, SettingsError
from petra.lsp.listener import Listener, serve_tcp
from petra.lsp.session import Session
from petra.lsp.transport import Limits
from petra.settings import load
from tests.lsp import certificate
from tests.lsp.door import TOKEN, Client, Parrot, parts

STUDENT = Identity("ada", "student")


class Port:
    """A listening port, and the sessions that were let in."""

    def __init__(self) -> None:
        self.asks = Parrot()
        self.sessions: list[Session] = []
        self.presence = Presence()
        self.listener: Listener | None = None
        self.clients: list[Client] = []

    def new_session(self, identity: Identity) -> Session:
        self.sessions.append(Session(parts(self.asks), identity, __version__))
        return self.sessions[-1]

    async def knock(self, tls: ssl.SSLContext | None = None) -> Client:
        assert self.listener
        host, _, port = self.listener.address.rpartition(":")
        self.clients.append(Client(*await asyncio.open_connection(host, int(port), ssl=tls)))
        return self.clients[-1]


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None, limits: Limits | None = None) -> AsyncIterator[Port]:
    port = Port()
    port.listener = await serve_tcp(
        "127.0.0.1",
        0,
        tls=tls,
        check=lambda token: STUDENT if token == TOKEN else None,
        new_session=port.new_session,
        presence=port.presence,
        limits=limits,
    )
    try:
        yield port
    finally:
        for client in port.clients:
            await client.close()
        await port.listener.close()


def initialize(client: Client, token: Any = TOKEN) -> None:
    client.request(
        1, "initialize", {"capabilities": {}, "initializationOptions": {"petra": {"token": token}}}
    )


async def test_a_token_lets_in_and_names_who_asks() -> None:
    async with listening() as port:
        client = await port.knock()
        initialize(client)
        assert (await client.reply(1))["result"]["serverInfo"]["name"] == "petra"
        client.ask(2, "x" * 100_000)  # more than a stranger may say
        assert "result" in await client.reply(2)
        assert port.sessions[0].identity == STUDENT


@pytest.mark.parametrize("token", ["wrong", "", None, 5, ["x"]])
async def test_a_wrong_token_is_told_and_closed(token: Any) -> None:
    async with listening() as port:
        client = await port.knock()
        initialize(client, token)
        error = (await client.reply(1))["error"]
        assert error["code"] == -32803
        assert "initializationOptions.petra.token" in error["message"]
        assert await client.receive() is None
        assert port.sessions == []


async def test_nothing_is_heard_before_initialize() -> None:
    async with listening() as port:
        client = await port.knock()
        client.ask(1, "let me in")
        initialize(client)
        assert (await client.reply(1))["error"]["code"] == -32002
        assert await client.receive() is None
        assert port.sessions == []
        assert port.asks.started == []


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 65537\r\n\r\n",
        b"Content-Length: 2\r\n\r\n[]",
        b"Content-Length: 1\r\n\r\n{",
        b"PETRA/1 x y\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["64 KiB", "batch", "no JSON", "other door", "TLS"],
)
async def test_a_stranger_is_closed_without_a_word(sent: bytes) -> None:
    async with listening() as port:
        client = await port.knock()
        client.writer.write(sent)
        assert await client.receive() is None
        assert port.sessions == []


async def test_a_stranger_has_no_time() -> None:
    async with listening(limits=Limits(preamble=0.1)) as port:
        for begun in (b"", b"Content-Length: 10\r\n\r\n{"):
            client = await port.knock()
            client.writer.write(begun)
            assert await client.receive() is None


async def test_over_tls(tmp_path: Path) -> None:
    cert, key = await asyncio.to_thread(certificate.make, tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    async with listening(server) as port:
        client = await port.knock(ssl.create_default_context(cafile=str(cert)))
        initialize(client)
        await client.reply(1)
        client.ask(2, "in private")
        assert (await client.reply(2))["result"]["answer"] == "in private "
        plain = await port.knock()
        initialize(plain)
        with pytest.raises(Exception, match="not an LSP header") as raised:
            # What comes back, if anything, is an alert of TLS and no frame.
            assert await plain.receive() is None
            raise ConnectionError("not an LSP header")
        assert raised
        assert len(port.sessions) == 1


async def test_a_session_from_afar_never_opens_a_path(tmp_path: Path) -> None:
    async with listening() as port:
        client = await port.knock()
        initialize(client)
        await client.reply(1)
        session = port.sessions[0]
        with pytest.raises(NotAllowed, match="another one"):
            session.path((tmp_path / "x").as_uri())


async def test_the_token_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with listening() as port:
        client = await port.knock()
        initialize(client)
        await client.reply(1)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])  # noqa: S104
def test_without_tls_only_on_this_machine(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TLS_CERT"):
        load({"data_dir": tmp_path, "lsp_port": 0, "lsp_host": host})
    for loopback in ("127.0.0.1", "::1", "localhost"):
        load({"data_dir": tmp_path, "lsp_port": 0, "lsp_host": loopback})


def test_messages_are_json_again_without_their_token() -> None:
    from petra.lsp.welcome import _take_token

    message = json.loads('{"params": {"initializationOptions": {"petra": {"token": "t", "topK": 2}}}}')
    assert _take_token(message) == "t"
    assert message["params"]["initializationOptions"]["petra"] == {"topK": 2}
