"""Every method of Petra's own through `petra lsp`, with the real small models and pytest-lsp's checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from lsprotocol import types
from pytest_lsp import LanguageClient
from pytest_lsp.client import make_test_lsp_client

from petra.messages import Mode
from tests.lsp.desk import NOTES, write
from tests.serving import Served, environment, petra

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUSH = {"start": {"line": 3, "character": 0}, "end": {"line": 6, "character": 0}}


@dataclass
class Editor:
    """pytest-lsp's client, and what it was told of Petra's own methods."""

    client: LanguageClient
    folder: Path
    stream: list[Any] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)

    async def call(self, method: str, **params: Any) -> Any:
        return await self.client.protocol.send_request_async(method, params)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, language: str) -> None:
        item = types.TextDocumentItem(self.uri(name), language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(real_server: Served, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    client: Any = make_test_lsp_client()
    opened = Editor(client, tmp_path_factory.mktemp("editor") / "notes")
    await asyncio.to_thread(write, opened.folder)
    client.feature("petra/stream")(lambda item: opened.stream.append(item))
    client.feature("petra/statusChanged")(lambda state: opened.changes.append(state))
    command = petra("lsp", "--data-dir", str(real_server.data_dir))
    await client.start_io(*command, env=environment())
    try:
        folders = [types.WorkspaceFolder(uri=opened.folder.as_uri(), name="notes")]
        capabilities = types.ClientCapabilities()
        await client.initialize_session(
            types.InitializeParams(capabilities=capabilities, workspace_folders=folders)
        )
        opened.open("queue.py", NOTES["queue.py"], "python")
        client.progress_reports["reading"] = []
        await opened.call("petra/index", workDoneToken="reading")
        yield opened
        await client.shutdown_session()
    finally:
        await client.stop()


async def test_indexing_showed_its_progress(editor: Editor) -> None:
    reports = editor.client.progress_reports["reading"]
    assert isinstance(reports[0], types.WorkDoneProgressBegin)
    assert isinstance(reports[-1], types.WorkDoneProgressEnd)


@pytest.mark.parametrize("mode", [mode for mode in get_args(Mode) if mode != "qa"])
async def test_every_mode_answers(editor: Editor, mode: str) -> None:
    editor.stream.clear()
    answer = await editor.call(
        "petra/ask",
        mode=mode,
        question="What does push_task do?" if mode == "ask" else "",
        textDocument={"uri": editor.uri("queue.py")},
        range=PUSH,
        scope={"workspace": True},
        maxTokens=8,
        id=mode,
    )
    assert answer.answer and answer.finish_reason in ("stop", "length")
    assert answer.usage.prompt_tokens < 900 and answer.usage.completion_tokens <= 8
    assert [item.seq for item in editor.stream] == list(range(len(editor.stream)))
    assert {item.id for item in editor.stream} == {mode}
    assert "".join(item.part.text for item in editor.stream if item.part.kind == "text") == answer.answer
    for source in answer.sources:
        assert source.location.uri.startswith(editor.folder.as_uri())


async def test_an_answer_is_found_rated_and_resumed(editor: Editor) -> None:
    question = "What is the ticket lock of the Marlin kernel called?"
    answer = await editor.call("petra/ask", question=question, maxTokens=40)
    assert "Humboldt" in answer.answer
    assert answer.sources[0].location.uri == editor.uri("locks.md")
    listed = await editor.call("petra/conversations")
    assert listed.conversations[0].title == question
    whole = await editor.call("petra/conversations", id=answer.conversation_id)
    assert [message.content for message in whole.messages] == [question, answer.answer]
    again = await editor.call("petra/resume", id=answer.id, seq=0)
    assert again.answer == answer.answer
    assert await editor.call("petra/feedback", id=answer.id, rating="up") is None


async def test_a_buffer_is_seen_before_the_disk(editor: Editor) -> None:
    editor.open("files.md", "The harbour of Wismar opens its locks at seven.\n", "markdown")
    found = await editor.call("petra/ask", question="When does the harbour of Wismar open?", maxTokens=8)
    uri = editor.uri("files.md")
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
    assert "Wismar" in found.sources[0].quote
    assert found.sources[0].location.uri == uri


async def test_what_needs_no_model(editor: Editor) -> None:
    found = await editor.call("petra/search", query="how large can a file be?", topK=1)
    assert found.passages[0].path == "files.md"
    models = (await editor.call("petra/models")).models
    assert [model.used_for for model in models if model.answers] == ["chat"]
    listed = await editor.call("petra/documents", collection="notes")
    assert {item.path for item in listed.documents} == {"locks.md", "files.md", "queue.py"}
    status = await editor.call("petra/status")
    assert status.workers.chat.state == "ready"
    assert editor.changes and not any("missing" in message.message for message in editor.client.messages)
