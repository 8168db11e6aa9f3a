"""`/lsp`: the language server over a WebSocket."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from petra.api import language
from petra.errors import NotAllowed
from petra.lsp.framing import MAX_BODY
from petra.lsp.transport import Limits
from tests.api.rig import Rig

opened: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], str):
        opened.append(arguments[0])


class Client:
    """LSP over a WebSocket, message by message."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.ids = itertools.count()
        self.others: list[dict[str, Any]] = []

    async def call(self, method: str, params: Any = None) -> dict[str, Any]:
        number = next(self.ids)
        await self.socket.send_json({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            message: dict[str, Any] = await self.socket.receive_json(timeout=20)
            if message.get("id") == number and "method" not in message:
                return message
            self.others.append(message)

    async def notify(self, method: str, params: Any = None) -> None:
        await self.socket.send_json({"jsonrpc": "2.0", "method": method, "params": params})

    async def initialize(self) -> dict[str, Any]:
        reply = await self.call("initialize", {"capabilities": {}})
        await self.notify("initialized", {})
        return reply


def test_a_message_is_as_large_as_at_the_other_doors() -> None:
    assert language.MESSAGE_LIMIT == MAX_BODY


async def test_a_question_streams_and_is_answered(petra: Rig) -> None:
    async with petra.http.ws_connect("/lsp") as socket:
        client = Client(socket)
        assert (await client.initialize())["result"]["serverInfo"]["name"] == "petra"
        answer = (await client.call("petra/ask", {"question": "What is it?"}))["result"]
        assert answer["finish_reason"] in ("stop", "nothing_found")
        assert {item["method"] for item in client.others} >= {"petra/stream"}
        assert petra.petra.presence.open == 1
    async with asyncio.timeout(5):
        while petra.petra.presence.open:
            await asyncio.sleep(0.01)


async def test_bad_messages_are_answered_and_exit_closes(petra: Rig) -> None:
    async with petra.http.ws_connect("/lsp") as socket:
        client = Client(socket)
        await socket.send_str("{")
        assert (await socket.receive_json())["error"]["code"] == -32700
        assert (await client.call("petra/ask", {"question": "x"}))["error"]["code"] == -32002
        await client.initialize()
        await socket.send_bytes(b"[]")
        assert (await socket.receive_json())["error"]["code"] == -32600
        assert (await client.call("shutdown"))["result"] is None
        await client.notify("exit")
        assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    await petra.get("/api/v1/documents")


async def test_a_message_over_the_limit_ends_that_connection(
    petra: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "MESSAGE_LIMIT", 1000)
    async with petra.http.ws_connect("/lsp") as socket:
        await socket.send_str("x" * 2000)
        assert (await socket.receive(timeout=5)).data == 1009


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
    ],
    ids=str,
)
async def test_strangers_are_refused(petra: Rig, headers: dict[str, str], status: int) -> None:
    token = {} if status == 401 else petra.bearer
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await petra.stranger.ws_connect("/lsp", headers={**token, **headers})
    assert refused.value.status == status


async def test_a_client_that_never_reads_is_dropped(petra: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.app.petra.ConnectionLimits", lambda: Limits(unread=0.3))
    async with petra.http.ws_connect("/lsp", timeout=aiohttp.ClientWSTimeout(ws_close=0.1)) as socket:
        client = Client(socket)
        await client.initialize()
        body = json.dumps({"jsonrpc": "2.0", "id": "x" * 10_000, "method": "petra/none", "params": None})
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(60):
                while not socket.closed:
                    for _ in range(10):
                        await socket.send_str(body)
                raise ConnectionResetError
    await petra.get("/api/v1/documents")


async def test_over_the_page_no_path_is_opened_and_over_the_own_socket_one_may_be(
    petra: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("password = 'hunter2'")
    sessions: list[Any] = []
    make = type(petra.petra).language_session

    def remember(self: Any, identity: Any) -> Any:
        sessions.append(make(self, identity))
        return sessions[-1]

    monkeypatch.setattr(type(petra.petra), "language_session", remember)
    async with petra.local.ws_connect("/lsp"):
        near = sessions.pop()
    assert near.identity.local
    assert near.path(secret.as_uri()) == secret

    sys.addaudithook(_watch)
    async with petra.http.ws_connect("/lsp") as socket:
        client = Client(socket)
        folder = {"uri": tmp_path.as_uri(), "name": "w"}
        await client.call("initialize", {"capabilities": {}, "workspaceFolders": [folder]})
        await client.notify("initialized", {})
        document = {"uri": secret.as_uri(), "languageId": "python", "version": 1, "text": "what is open"}
        await client.notify("textDocument/didOpen", {"textDocument": document})
        unknown = {"uri": (tmp_path / "other.py").as_uri(), "version": 2}
        changes = [{"text": "x"}]
        await client.notify("textDocument/didChange", {"textDocument": unknown, "contentChanges": changes})
        (afar,) = sessions
        for name in [name for name in afar.methods if name.startswith("petra/")]:
            for params in ({"path": str(secret)}, {"paths": [str(secret)]}, {"uri": secret.as_uri()}):
                await client.call(name, params)
        with pytest.raises(NotAllowed):
            afar.path(secret.as_uri())
    assert not afar.identity.local
    assert not [path for path in opened if path.startswith(str(tmp_path))]
