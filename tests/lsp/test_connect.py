"""`petra lsp --connect` started by hand: what is wrong is said on stderr, and nothing on stdout."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from petra.lsp import remote
from petra.lsp.away import ServerAway
from petra.lsp.remote import RemoteLink
from tests.api.rig import rig
from tests.lsp import certificate

COMMAND = (sys.executable, "-m", "petra", "lsp", "--connect")


async def started(url: str, folder: Path, **environment: str) -> tuple[int | None, bytes, str]:
    """What becomes of it without an editor: exit status, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        url,
        *("--data-dir", str(folder)),
        cwd=folder,
        env=os.environ | {"CLASSROOM_TOKEN": "a token"} | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        said, wrong = await process.communicate()
    return process.returncode, said, wrong.decode()


@asynccontextmanager
async def silent(tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A port behind which nobody says a word."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("http://school.example", "Give the address as wss://HOST/lsp"),
        ("wss://127.0.0.1:9/lsp", "Check the address and the network"),
    ],
)
async def test_a_bad_address_is_told(tmp_path: Path, url: str, remedy: str) -> None:
    status, said, wrong = await started(url, tmp_path)
    assert (status, said) == (1, b"") and url in wrong and remedy in wrong


async def test_a_missing_token_and_one_that_is_refused_are_told(tmp_path: Path) -> None:
    status, said, wrong = await started("wss://school.example/lsp", tmp_path, CLASSROOM_TOKEN="")
    assert (status, said) == (1, b"") and "keyring set petra wss://school.example/lsp" in wrong
    async with rig() as petra:
        url = f"ws://127.0.0.1:{petra.server.port}/lsp"
        status, said, wrong = await started(url, tmp_path)
        assert (status, said) == (1, b"") and "refused the token (HTTP 401)" in wrong
        assert "a token" not in wrong
        status, said, right = await started(url, tmp_path, CLASSROOM_TOKEN=petra.petra.token)
        assert (status, said) == (0, b"") and f"{url} lets you in" in right


async def test_a_certificate_that_is_not_trusted_is_told(tmp_path: Path) -> None:
    made = await asyncio.to_thread(certificate.make, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*made)
    async with silent(context) as port:
        status, said, wrong = await started(f"wss://127.0.0.1:{port}/lsp", tmp_path)
    assert (status, said) == (1, b"") and "does not trust" in wrong and "SSL_CERT_FILE" in wrong


async def test_a_server_that_says_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PREAMBLE_SECONDS", 0.2)
    async with silent() as port:
        with pytest.raises(ServerAway, match="no answer in 0 seconds"):
            await asyncio.to_thread(RemoteLink, f"ws://127.0.0.1:{port}/lsp", "a token")
