"""The forwarder between a door in this process and an editor that speaks frames."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from petra.errors import ModelUnavailable
from petra.lsp import forwarder as module
from petra.lsp import link
from petra.lsp.away import ServerAway
from petra.lsp.forwarder import initialize_result
from petra.lsp.framing import frame
from petra.lsp.link import Link, reach
from tests.lsp.door import Door, open_door
from tests.lsp.editor import forwarder, running_at

PROFILES = [
    {},
    {"general": {"positionEncodings": ["utf-8", "utf-16"]}},
    {"general": {"positionEncodings": ["utf-16"]}, "textDocument": {"synchronization": {"didSave": True}}},
    {"general": {"positionEncodings": ["utf-7", "utf-32"]}},
    {"general": {"positionEncodings": ["utf-7"]}},
    {"general": {"positionEncodings": []}},
    {
        "workspace": {"workspaceFolders": True, "configuration": True},
        "notebookDocument": {"synchronization": {}},
        "textDocument": {"inlineCompletion": {}, "completion": {}},
    },
]


@pytest.mark.parametrize("capabilities", PROFILES, ids=lambda profile: str(list(profile)))
async def test_the_forwarders_initialize_reply_is_the_servers(
    door: Door, capabilities: dict[str, object]
) -> None:
    params = {"capabilities": capabilities, "processId": None, "rootUri": None}
    client = await door.enter()
    client.request(1, "initialize", params)
    assert (await client.reply(1))["result"] == await asyncio.to_thread(initialize_result, params)


@pytest.mark.parametrize("params", [None, [], {}, {"capabilities": None}, {"capabilities": {"general": 3}}])
def test_initialize_with_odd_params_is_answered(params: object) -> None:
    assert initialize_result(params)["capabilities"]["positionEncoding"] == "utf-16"


async def test_initialize_is_answered_before_there_is_a_server_and_what_follows_is_kept(door: Door) -> None:
    started = threading.Event()

    def connect() -> Link:
        assert started.wait(10)
        return Link(running_at(door.address))

    async with forwarder(connect) as editor:
        await editor.initialize()
        editor.ask(1, "asked early")
        editor.ask(2, "wait")
        editor.notify("$/cancelRequest", {"id": 2})
        assert not door.asks.started
        started.set()
        assert (await editor.reply(1))["result"]["answer"] == "asked early "
        assert (await editor.reply(2))["error"]["code"] == -32800
        assert editor.kept == {}  # the server's reply to initialize is not shown a second time


async def test_shutdown_without_a_server_is_answered_at_once() -> None:
    release = threading.Event()

    def connect() -> Link:
        release.wait(10)
        raise OSError

    async with forwarder(connect) as editor:
        await editor.initialize()
        editor.request(1, "shutdown")
        assert (await editor.reply(1))["result"] is None
        editor.notify("exit")
        assert await editor.ended() == 0
        release.set()


async def test_exit_without_shutdown_is_an_error_status(door: Door) -> None:
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        await editor.initialize()
        editor.ask(1, "hello")
        await editor.reply(1)
        editor.notify("exit")
        assert await editor.ended() == 1
    await door.empty()


async def test_why_there_is_no_server_is_shown_once_and_told_to_every_request() -> None:
    tries = 0

    def connect() -> Link:
        nonlocal tries
        tries += 1
        raise ModelUnavailable("No server", cause="The disk is full", remedy="Free some space")

    async with forwarder(connect) as editor:
        await editor.initialize()
        editor.ask(1, "hello")
        editor.ask(2, "hello")
        before, first = await editor.until_reply(1)
        between, second = await editor.until_reply(2)
    shown = [message["params"]["message"] for message in before + between]
    assert shown == ["No server. The disk is full. Free some space."]
    assert first["error"]["data"] == second["error"]["data"]
    assert first["error"]["data"]["remedy"] == "Free some space"
    assert first["error"]["code"] == -32803
    assert tries == 1


@pytest.mark.parametrize("way_out", ["takes nobody", "says nothing", "is gone"])
async def test_a_server_that_is_just_ending_is_waited_for(door: Door, tmp_path: Path, way_out: str) -> None:
    """Its lock and its socket may be there for a while after it was stopped or killed."""
    ending = running_at(str(tmp_path / "s"))
    found = [ending, ending, running_at(door.address)]
    with socket.socket(socket.AF_UNIX) as left:
        if way_out != "is gone":
            left.bind(ending.lsp)
        if way_out == "says nothing":
            left.listen()
            threading.Thread(target=lambda: [left.accept()[0].close() for _ in range(2)], daemon=True).start()
        async with forwarder(lambda: reach(lambda: found.pop(0))) as editor:
            await editor.initialize()
            editor.ask(1, "hello")
            before, reply = await editor.until_reply(1)
    assert reply["result"]["answer"] == "hello " and not found
    assert not [message for message in before if message["method"] == "window/showMessage"]


async def test_a_server_that_does_not_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "ENDING_SECONDS", 0.1)
    with pytest.raises(ServerAway, match="petra stop"):
        await asyncio.to_thread(reach, lambda: running_at(str(tmp_path / "s")))


async def test_a_later_request_tries_again(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    outcomes = [OSError("refused")]

    def connect() -> Link:
        if outcomes:
            raise outcomes.pop()
        return Link(running_at(door.address))

    async with forwarder(connect) as editor:
        await editor.initialize()
        editor.ask(1, "hello")
        replies = await editor.reply(1)
        assert replies.get("result", {}).get("answer") == "hello " or "error" in replies
        editor.ask(2, "again")
        assert (await editor.reply(2))["result"]["answer"] == "again "


@pytest.mark.parametrize(
    ("change", "code"),
    [({"token": "wrong"}, "not_authenticated"), ({"version": "0.0.1"}, "server_away")],
)
async def test_a_server_that_refuses_is_explained(door: Door, change: dict[str, str], code: str) -> None:
    address = door.address if "token" in change else door.address + ".gone"
    async with forwarder(lambda: Link(running_at(address, **change))) as editor:
        await editor.initialize()
        editor.ask(1, "hello")
        before, reply = await editor.until_reply(1)
    assert reply["error"]["data"]["code"] == code
    assert "petra stop" in before[0]["params"]["message"]


async def test_when_the_server_ends_pending_requests_fail_and_the_next_finds_a_new_one() -> None:
    async with open_door() as first, open_door() as second:
        doors = [first, second]
        connections: list[str] = []

        def connect() -> Link:
            connections.append(doors[len(connections)].address)
            return Link(running_at(connections[-1]))

        async with forwarder(connect) as editor:
            await editor.initialize()
            editor.ask(1, "wait")
            while not first.asks.started:
                await asyncio.sleep(0.01)
            assert first.listener
            await first.listener.close()
            reply = await editor.reply(1)
            assert reply["error"]["data"]["code"] == "server_away"
            assert reply["error"]["data"]["retryable"] is True
            shown = await editor.receive()
            assert shown and shown["method"] == "window/showMessage"
            # Typing alone does not start a server that somebody stopped.
            editor.notify("textDocument/didClose", {"textDocument": {"uri": "file:///a"}})
            await asyncio.sleep(0.05)
            assert len(connections) == 1
            editor.ask(2, "the new one")
            assert (await editor.reply(2))["result"]["answer"] == "the new one "
            assert len(connections) == 2


async def test_an_editor_that_leaves_ends_its_session(door: Door) -> None:
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        await editor.initialize()
        editor.ask(1, "wait")
        while not door.asks.started:
            await asyncio.sleep(0.01)
        editor.writer.close()
        assert await editor.ended() == 1
    await door.empty()
    assert door.asks.cancelled == ["answer-0"]


class Server:
    """One that sends nothing until it is told to, and then `body` again and again until it is left."""

    def __init__(self, body: bytes) -> None:
        self.pending: set[int | str] = set()
        self.reader: threading.Thread
        self.welcomed, self.told, self.left = threading.Event(), threading.Event(), threading.Event()
        self._body = body

    def send(self, body: bytes) -> None:
        """Nothing is done with it."""

    def bodies(self) -> Iterator[bytes]:
        self.reader = threading.current_thread()
        self.welcomed.set()
        assert self.told.wait(10)
        while not self.left.is_set():
            yield self._body

    def close(self) -> None:
        self.left.set()


@pytest.mark.parametrize("talks", [False, True], ids=["the server ends later", "the editor reads no more"])
def test_an_editor_that_has_left_gets_nothing_more_and_holds_nobody(talks: bool) -> None:
    (stdin, to_forwarder), (from_forwarder, stdout) = os.pipe(), os.pipe()
    server = Server(b'{"method": "petra/stream"}')
    thread = threading.Thread(target=module.Forwarder(stdin, stdout, lambda: server).run, daemon=True)
    thread.start()
    os.write(to_forwarder, frame(b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}'))
    assert server.welcomed.wait(10) and b"capabilities" in os.read(from_forwarder, 1 << 20)
    if talks:
        server.told.set()
    os.close(to_forwarder)
    thread.join(10)
    assert not thread.is_alive()
    server.told.set()
    os.set_blocking(from_forwarder, False)
    late = b""
    while server.reader.is_alive():
        late += _more(from_forwarder)
        time.sleep(0.01)
    assert talks or not late + _more(from_forwarder)
    for end in (stdin, from_forwarder, stdout):
        os.close(end)


def _more(end: int) -> bytes:
    try:
        return os.read(end, 1 << 20)
    except BlockingIOError:
        return b""


async def test_an_editor_that_breaks_the_framing_is_told(door: Door) -> None:
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        await editor.initialize()
        editor.writer.write(b"hello\n")
        shown = await editor.receive()
        assert shown and "not an LSP header" in shown["params"]["message"]
        assert await editor.ended() == 1


async def test_what_is_no_json_is_answered_by_the_server(door: Door) -> None:
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        await editor.initialize()
        editor.send_body(b"{oops")
        assert (await editor.reply(None))["error"]["code"] == -32700
        editor.request(1, "initialize", {"capabilities": {}})
        assert (await editor.reply(1))["error"]["code"] == -32600


async def test_a_refused_initialize_is_shown(door: Door) -> None:
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        editor.request(1, "initialize", {"capabilities": 5})
        assert "result" in await editor.reply(1)
        shown = await editor.receive()
        assert shown and "refused this editor's initialize" in shown["params"]["message"]


async def test_large_messages_pass_both_ways(door: Door) -> None:
    text = "word " * 200_000
    async with forwarder(lambda: Link(running_at(door.address))) as editor:
        await editor.initialize()
        editor.notify(
            "textDocument/didOpen",
            {"textDocument": {"uri": "file:///a", "languageId": "x", "version": 1, "text": text}},
        )
        editor.ask(1, "after it")
        assert (await editor.reply(1))["result"]["answer"] == "after it "
