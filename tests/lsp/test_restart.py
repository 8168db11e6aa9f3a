"""A server that is killed in the middle of a stream, and the one after it, seen by an editor."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from petra import rendezvous
from tests.api.rig import stub_model
from tests.lsp.desk import NOTES
from tests.lsp.door import Client
from tests.lsp.editor import petra_lsp
from tests.serving import environment, served

QUESTION = "What guards the run queue of the Marlin kernel?"


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Path, dict[str, str]]]:
    """The data directory and settings of servers whose model answers slowly; the last is stopped."""
    with tempfile.TemporaryDirectory(prefix="petra-", ignore_cleanup_errors=True) as place:
        async with stub_model(Path(place), 0.2) as model:
            settings = {"MODEL_PATH": model, "EMBEDDING_MODEL": model, "RERANK_THRESHOLD": "-1"}
            for name, value in environment(**settings).items():
                monkeypatch.setenv(name, value)
            folder = Path(place) / "data"
            try:
                yield folder, settings
            finally:
                await asyncio.to_thread(rendezvous.stop, folder)


async def test_the_stream_of_a_killed_server_ends_once_and_the_next_server_knows_it(
    slow: tuple[Path, dict[str, str]],
) -> None:
    data_dir, settings = slow
    serving = served(data_dir, **settings)
    server = await asyncio.to_thread(serving.__enter__)
    try:
        async with petra_lsp(data_dir) as (editor, _):
            await editor.initialize()
            editor.ask("asked", QUESTION, id="story", selection=NOTES["locks.md"])
            seen = await _words(editor)
            os.kill(server.process.pid, signal.SIGKILL)
            before, reply = await editor.until_reply("asked")
            assert reply["error"]["data"]["code"] == "server_away" and reply["error"]["data"]["retryable"]
            seen = [*seen, *_parts(before)]
            assert [part["seq"] for part in seen] == list(range(len(seen)))

            editor.request("again", "petra/resume", {"id": seen[0]["answer"], "seq": seen[-1]["seq"]})
            between, resumed = await editor.until_reply("again")
            rest = _parts(between)
            assert [part["seq"] for part in rest] == [
                seen[-1]["seq"] + 1 + number for number in range(len(rest))
            ]
            assert rest[-1]["part"]["kind"] == "done"
            assert resumed["result"]["finish_reason"] == "interrupted"
            text = "".join(part["part"].get("text", "") for part in (*seen, *rest))
            assert resumed["result"]["answer"] == text != ""
            # The name was the session's own; the server after it has another session.
            editor.request("named", "petra/resume", {"id": "story", "seq": -1})
            _, unknown = await editor.until_reply("named")
            assert unknown["error"]["data"]["code"] == "not_found"
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)


async def _words(editor: Client) -> list[dict[str, Any]]:
    """The parts of the stream up to its first words."""
    parts: list[dict[str, Any]] = []
    while not any(part["part"]["kind"] == "text" for part in parts):
        message = await editor.receive()
        assert message is not None
        parts += _parts([message])
    return parts


def _parts(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message["params"] for message in messages if message.get("method") == "petra/stream"]


async def test_the_answer_file_of_a_killed_server_says_so_after_the_next_start(
    slow: tuple[Path, dict[str, str]],
) -> None:
    data_dir, settings = slow
    serving = served(data_dir, **settings)
    server = await asyncio.to_thread(serving.__enter__)
    try:
        async with petra_lsp(data_dir) as (editor, _):
            await editor.initialize()
            asked = {"command": "petra.explain", "arguments": [{"uri": "untitled:1"}]}
            item = {"uri": "untitled:1", "languageId": "markdown", "version": 1, "text": NOTES["locks.md"]}
            editor.notify("textDocument/didOpen", {"textDocument": item})
            editor.request("asked", "workspace/executeCommand", asked)
            file = Path(unquote(urlsplit((await editor.reply("asked"))["result"]["uri"]).path))
            before = ""
            while "…*" in before or "## Answer 1" not in before:
                before = await asyncio.to_thread(file.read_text)
                await asyncio.sleep(0.02)
            os.kill(server.process.pid, signal.SIGKILL)
            editor.request("status", "petra/status")
            await editor.until_reply("status")
            editor.request("again", "petra/status")
            assert "result" in await editor.reply("again")
        said = before.partition("## Answer 1\n\n")[2].partition("\n\n<!-- answer")[0]
        answer = (await asyncio.to_thread(file.read_text)).partition("## Answer 1\n\n")[2]
        assert answer.startswith(said) and "\n\n*Cut off: Petra was stopped.*\n" in answer
        assert "<!-- answer" not in answer and answer.endswith("-->\n\n## Ask\n\n")
    finally:
        await asyncio.to_thread(serving.__exit__, None, None, None)
