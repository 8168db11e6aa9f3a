"""`petra lsp` starts the real server with the real models: index, ask, stream, cancel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcRequestCancelled
from pytest_lsp import LanguageClient
from pytest_lsp.client import make_test_lsp_client

from petra import __version__, rendezvous
from tests.serving import environment, petra

NOTES = {
    "locks.md": "# Locks\n\nThe Marlin kernel guards its run queue with a ticket lock called Humboldt.\n",
    "files.md": "# Files\n\nA file in Marlin has at most 12 direct blocks of 4096 bytes each.\n",
}


class Editor(LanguageClient):
    """pytest-lsp's client, which checks what it gets against the specification, and the stream."""

    stream: list[Any]
    ask: Any


@pytest.fixture
async def editor(tmp_path: Path) -> AsyncIterator[Editor]:
    client: Any = make_test_lsp_client()
    client.stream = []
    client.feature("petra/stream")(lambda item: client.stream.append(item))
    client.ask = client.protocol.send_request_async
    command = petra("lsp", "--data-dir", str(tmp_path / "data"))
    await client.start_io(*command, env=environment())
    try:
        yield client
        await client.shutdown_session()
    finally:
        await client.stop()
        # Started for this editor, so it is this test that ends it.
        await asyncio.to_thread(rendezvous.stop, tmp_path / "data")


async def test_a_question_from_an_editor(editor: Editor, tmp_path: Path) -> None:
    began = time.perf_counter()
    params = types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=tmp_path.as_uri())
    result = await editor.initialize_session(params)
    assert time.perf_counter() - began < 5  # benchmarks/start measures it; here others run
    assert result.server_info == types.ServerInfo(name="petra", version=__version__)
    assert result.capabilities.position_encoding == "utf-16"

    await index(tmp_path)
    answer = await editor.ask(
        "petra/ask",
        {"question": "What is the ticket lock of the Marlin kernel called?", "max_tokens": 40, "id": "q1"},
    )

    assert [item.seq for item in editor.stream] == list(range(len(editor.stream)))
    assert {item.id for item in editor.stream} == {"q1"}
    text = "".join(item.part.text for item in editor.stream if item.part.kind == "text")
    assert text == answer.answer != ""
    assert editor.stream[-1].part.kind == "done"
    assert answer.finish_reason in ("stop", "length")
    assert answer.sources[0].document == "locks.md"
    assert answer.sources[0].lines[0] >= 1
    assert answer.usage.completion_tokens > 0

    await cancel_while_writing(editor)
    # At most that files are being read.
    assert all(message.type == types.MessageType.Info for message in editor.messages)


async def cancel_while_writing(editor: Editor) -> None:
    editor.stream.clear()
    asked = asyncio.create_task(
        editor.ask(
            "petra/ask",
            {"question": "Write a very long story about the Marlin kernel and its ticket lock."},
            msg_id="story",
        )
    )
    async with asyncio.timeout(60):
        while not any(item.part.kind == "text" for item in editor.stream):
            await asyncio.sleep(0.02)
    began = time.perf_counter()
    editor.cancel_request(types.CancelParams(id="story"))
    with pytest.raises(JsonRpcRequestCancelled):
        await asked
    assert time.perf_counter() - began < 5
    # The slot is free again: a short question does not wait for the story.
    answer = await editor.ask(
        "petra/ask", {"question": "How many direct blocks does a file have?", "max_tokens": 4}
    )
    assert answer.finish_reason in ("stop", "length")


async def index(folder: Path) -> None:
    """Index two notes with the command that a person would use."""
    notes = folder / "notes"
    await asyncio.to_thread(notes.mkdir)
    for name, text in NOTES.items():
        await asyncio.to_thread((notes / name).write_text, text)
    process = await asyncio.create_subprocess_exec(
        *petra("index", str(notes), "--data-dir", str(folder / "data")),
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
