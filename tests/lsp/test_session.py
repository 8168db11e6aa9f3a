from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import pytest

from petra import __version__
from petra.access import authorize
from petra.access.authorize import ROLES
from petra.lsp import protocol
from petra.lsp.session import Session
from tests.lsp.door import OWNER, Door, parts


async def test_initialize_names_petra_and_its_version(door: Door) -> None:
    client = await door.enter()
    result = await client.initialize()
    assert result["serverInfo"] == {"name": "petra", "version": __version__}


async def test_an_answer_streams_in_order_and_is_returned_whole(door: Door) -> None:
    client = await door.client()
    client.ask(7, "one two three", collections=["course"], max_tokens=9)
    parts, reply = await client.until_reply(7)

    items = [part["params"] for part in parts if part["method"] == "petra/stream"]
    assert [item["seq"] for item in items] == list(range(len(items)))
    assert {item["id"] for item in items} == {"answer-0"} == {reply["result"]["id"]}
    text = "".join(item["part"]["text"] for item in items if item["part"]["kind"] == "text")
    assert text == reply["result"]["answer"] == "one two three "
    assert items[-1]["part"]["kind"] == "done"
    assert reply["result"]["sources"][0]["document"] == "a.md"
    assert reply["result"]["finish_reason"] == "stop"
    assert door.asks.questions["answer-0"].collections == ("course",)


async def test_two_questions_at_once_are_told_apart_by_the_ids_the_client_chose(door: Door) -> None:
    client = await door.client()
    client.ask(1, "wait", id="slow")
    client.ask(2, "quick one", id="fast")
    before, reply = await client.until_reply(2)
    assert reply["result"]["answer"] == "quick one "
    assert {item["params"]["id"] for item in before} == {"slow", "fast"}


async def test_cancel_reaches_whoever_answers(door: Door) -> None:
    client = await door.client()
    client.ask("a", "wait")
    while (message := await client.receive()) and message["params"]["part"].get("text") != "wait ":
        pass
    client.notify("$/cancelRequest", {"id": "a"})
    assert (await client.reply("a"))["error"]["code"] == -32800
    assert door.asks.cancelled == ["answer-0"]


async def test_an_error_carries_what_cause_and_remedy(door: Door) -> None:
    client = await door.client()
    client.ask(1, "missing")
    error = (await client.reply(1))["error"]
    assert error["code"] == -32803
    assert error["message"] == "There is no collection 'x'. None was made. Make one."
    assert error["data"] == {
        "code": "not_found",
        "what": "There is no collection 'x'",
        "cause": "None was made",
        "remedy": "Make one",
        "retryable": False,
    }


async def test_an_unexpected_error_tells_no_text_and_logs_none(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "petra")
    client = await door.client()
    client.ask(1, "crash with a secret")
    error = (await client.reply(1))["error"]
    assert error["code"] == -32603
    assert "RuntimeError" in error["message"]
    assert "secret" not in str(error)
    assert "secret" not in caplog.text
    await door.still_serves()


@pytest.mark.parametrize("stream_id", ["", "x" * 65, 5, ["a"]])
async def test_a_stream_id_has_to_be_a_short_string(door: Door, stream_id: object) -> None:
    client = await door.client()
    client.ask(1, "hello", id=stream_id)
    assert (await client.reply(1))["error"]["code"] == -32602


async def test_the_same_stream_id_twice_at_once_is_refused(door: Door) -> None:
    client = await door.client()
    client.ask(1, "wait", id="same")
    client.ask(2, "hello", id="same")
    assert (await client.reply(2))["error"]["code"] == -32602


async def test_unknown_methods_are_said_to_be_unknown(door: Door) -> None:
    client = await door.client()
    client.request(1, "petra/nothing", {"class": 1})
    assert (await client.reply(1))["error"]["code"] == -32601
    client.notify("$/unknown", {})
    await door.still_serves()


async def test_shutdown_then_exit_ends_the_session_and_not_the_server(door: Door) -> None:
    client = await door.client()
    client.ask("running", "wait")
    client.request(1, "shutdown")
    assert (await client.reply(1))["result"] is None
    assert (await client.reply("running"))["error"]["code"] == -32800
    client.ask(2, "hello")
    assert (await client.reply(2))["error"]["code"] == -32600
    client.notify("exit")
    assert await client.receive() is None
    await door.still_serves()


async def test_initialize_twice_is_refused_and_changes_nothing(door: Door) -> None:
    client = await door.client()
    client.request(1, "initialize", {"capabilities": {}})
    assert (await client.reply(1))["error"]["code"] == -32600
    client.ask(2, "hello")
    assert (await client.reply(2))["result"]["answer"] == "hello "


async def test_a_running_request_keeps_its_id(door: Door) -> None:
    client = await door.client()
    client.ask(1, "wait")
    client.ask(1, "hello")
    assert (await client.reply(1))["error"]["code"] == -32600


async def test_a_request_is_cancelled_whose_id_was_free_a_moment_ago(door: Door) -> None:
    """The fuzz found: the end of the first took the second's place, and nobody could cancel that one."""
    client = await door.client()
    for _ in range(2):
        client.ask(1, "wait")
        for _ in range(5):
            client.notify("initialized", {})
        client.notify("$/cancelRequest", {"id": 1})
    codes = {(await client.reply(1))["error"]["code"] for _ in range(2)}
    assert -32800 in codes <= {-32800, -32600}
    await client.close()
    await door.empty()
    assert len(door.asks.cancelled) == len(door.asks.started)


async def test_a_response_cannot_settle_the_clients_own_request(door: Door) -> None:
    client = await door.client()
    client.ask(1, "wait")
    client.send({"jsonrpc": "2.0", "id": 1, "result": {}})
    client.notify("$/cancelRequest", {"id": 1})
    assert (await client.reply(1))["error"]["code"] == -32800


async def test_keystrokes_leave_nothing_behind() -> None:
    session = Session(parts(), OWNER, __version__)
    uri = "file:///a.py"
    receive = session.protocol.receive
    receive(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}')
    receive(
        b'{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":'
        b'{"uri":"%b","languageId":"python","version":1,"text":""}}}' % uri.encode()
    )
    for version in range(2, 102):
        receive(
            b'{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"%b",'
            b'"version":%d},"contentChanges":[{"text":"x = %d"}]}}' % (uri.encode(), version, version)
        )
    assert str(session.documents.get(uri).text) == "x = 101"
    assert session.protocol._request_futures == {}


def test_every_method_and_command_is_asked_about() -> None:
    session = Session(parts(), OWNER, __version__)
    registered = session.protocol.fm.features.keys() | session.protocol.fm.commands.keys()
    assert registered == set(session.methods)
    for action in session.methods.values():
        assert action in ROLES
        authorize(OWNER, action)


async def test_nothing_blocks_while_many_ask(door: Door) -> None:
    clients = [await door.client() for _ in range(20)]
    for number, client in enumerate(clients):
        client.ask(1, f"number {number}")
    replies = await asyncio.gather(*(client.reply(1) for client in clients))
    assert [reply["result"]["answer"] for reply in replies] == [f"number {n} " for n in range(20)]


async def test_where_a_request_hangs_that_takes_no_cancel_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "CANCEL_SECONDS", 0.01)
    session, ended = Session(parts(), OWNER, __version__), asyncio.Event()

    async def stubborn() -> None:
        while not ended.is_set():
            with suppress(asyncio.CancelledError):
                await ended.wait()

    task = session.background(stubborn())
    await asyncio.sleep(0)
    await session.protocol.cancel_all()
    assert "lsp_requests_do_not_end" in caplog.text and "test_session.py:" in caplog.text
    ended.set()
    await task
