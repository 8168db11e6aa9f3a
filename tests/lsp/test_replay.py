"""What a new server is told, and that it is then where the last one was."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petra.lsp import replay
from petra.lsp.link import Link
from petra.lsp.replay import Replay
from tests.lsp.door import Door, open_door
from tests.lsp.editor import forwarder, running_at
from tests.lsp.sink import URI, initialized, span, text_of
from tests.lsp.test_text import EDITS, TEXTS


def note(kept: Replay, method: str, params: Any) -> None:
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    assert kept.keeps(method)
    kept.note(message, json.dumps(message).encode())


def opened(text: str, uri: str = URI) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": text}}


def changed(*changes: dict[str, Any], uri: str = URI, version: int = 2) -> dict[str, Any]:
    return {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}


def told(kept: Replay) -> list[tuple[str, Any]]:
    return [(message["method"], message["params"]) for message in map(json.loads, kept.frames())]


def test_what_is_closed_is_not_told() -> None:
    kept = Replay()
    note(kept, "textDocument/didOpen", opened("x"))
    note(kept, "textDocument/didOpen", opened("y", "file:///b"))
    note(kept, "textDocument/didClose", {"textDocument": {"uri": URI}})
    note(kept, "textDocument/didChange", changed({"text": "z"}))
    assert told(kept) == [("textDocument/didOpen", opened("y", "file:///b"))]


def test_the_handshake_is_first_and_the_last_settings_count() -> None:
    kept = Replay()
    note(kept, "initialize", {"capabilities": {}})
    note(kept, "initialized", {})
    note(kept, "textDocument/didOpen", opened("x"))
    note(kept, "workspace/didChangeConfiguration", {"settings": 1})
    note(kept, "workspace/didChangeConfiguration", {"settings": 2})
    note(kept, "workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": []}})
    methods = [method for method, _ in told(kept)]
    assert methods == [
        "initialize",
        "initialized",
        "workspace/didChangeConfiguration",
        "workspace/didChangeWorkspaceFolders",
        "textDocument/didOpen",
    ]
    assert told(kept)[2][1] == {"settings": 2}


@settings(deadline=None)
@given(TEXTS, EDITS, st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_folded_changes_are_the_same_text(first: str, edits: Any, encoding: Any) -> None:
    plain, folded = Replay(), Replay()
    plain.encoding = folded.encoding = encoding
    with pytest.MonkeyPatch.context() as patch:
        for kept, limit in ((plain, 10_000), (folded, 2)):
            patch.setattr(replay, "FOLD_FRAMES", limit)
            note(kept, "textDocument/didOpen", opened(first))
            for version, (start, end, new) in enumerate(edits, 2):
                places = [(max(line, 0), max(column, 0)) for line, column in (start, end)]
                note(
                    kept,
                    "textDocument/didChange",
                    changed({"range": span(*places), "text": new}, version=version),
                )
    assert len(list(folded.frames())) <= 2
    texts = []
    for kept in (plain, folded):
        session, _ = initialized({"general": {"positionEncodings": [encoding]}})
        for body in kept.frames():
            session.protocol.receive(body)
        document = session.documents.get(URI)
        assert document
        texts.append((text_of(session), document.version))
    assert texts[0] == texts[1]


def test_what_is_kept_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "LIMIT", 10_000)
    monkeypatch.setattr(replay, "NOTEBOOK_BYTES", 500)
    kept = Replay()
    for number in range(10):
        note(kept, "textDocument/didOpen", opened("x" * 4000, f"file:///{number}"))
    note(kept, "notebookDocument/didOpen", {"notebookDocument": {"uri": "n"}, "cellTextDocuments": []})
    for _ in range(20):
        note(kept, "notebookDocument/didChange", {"notebookDocument": {"uri": "n"}, "change": {}})
    for version in range(5000):
        note(kept, "textDocument/didChange", changed({"text": "y"}, uri="file:///0", version=version))
    assert sum(map(len, kept.frames())) < 100_000
    assert [method for method, _ in told(kept)].count("textDocument/didOpen") == 2
    assert "notebookDocument/didOpen" not in {method for method, _ in told(kept)}


@pytest.mark.parametrize(
    "params", [None, [], {}, {"textDocument": None}, {"textDocument": {"uri": URI}}, "x"]
)
def test_malformed_messages_make_no_state(params: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FOLD_FRAMES", 1)
    kept = Replay()
    note(kept, "textDocument/didOpen", opened("x"))
    for method in ("textDocument/didChange", "textDocument/didOpen", "notebookDocument/didChange"):
        note(kept, method, params)
    assert all(method == "textDocument/didOpen" for method, _ in told(kept))


async def text_in(door: Door, uri: str) -> str:
    """What a door's latest session has open, once it has it."""
    async with asyncio.timeout(5):
        while True:
            session = door.made[-1]() if door.made else None
            if session and (text := text_of(session, uri)) is not None:
                return text
            await asyncio.sleep(0.01)


async def test_a_new_server_has_open_what_the_editor_has_open() -> None:
    async with open_door() as first, open_door() as second:
        doors = iter([first, second])
        async with forwarder(lambda: Link(running_at(next(doors).address))) as editor:
            result = await editor.initialize()
            assert result["capabilities"]["textDocumentSync"]["change"] == 2
            editor.notify("textDocument/didOpen", opened("one\ntwo\n"))
            editor.notify("textDocument/didChange", changed({"range": span((0, 0), (0, 3)), "text": "1"}))
            assert await text_in(first, URI) in ("one\ntwo\n", "1\ntwo\n")
            editor.ask(1, "wait")
            while not first.asks.started:
                await asyncio.sleep(0.01)
            assert first.listener
            await first.listener.close()
            assert (await editor.reply(1))["error"]["data"]["code"] == "server_away"
            # Typed while there is no server.
            editor.notify(
                "textDocument/didChange",
                changed({"range": span((1, 0), (1, 3)), "text": "2"}, version=3),
            )
            editor.ask(2, "hello again")
            before, reply = await editor.until_reply(2)
            assert reply["result"]["answer"] == "hello again "
            # Nothing but the notice that the server had gone: the second reply to initialize is swallowed.
            assert {message["method"] for message in before} == {"window/showMessage", "petra/stream"}
            assert await text_in(second, URI) == "1\n2\n"
            session = second.made[-1]()
            assert session
            document = session.documents.get(URI)
            assert document and document.version == 3
