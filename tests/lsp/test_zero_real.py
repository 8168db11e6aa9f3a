"""Without a plugin, with the real small models through `petra lsp`, under pytest-lsp's checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import converters, types
from pygls.uris import to_fs_path
from pytest_lsp import LanguageClient
from pytest_lsp.client import make_test_lsp_client

from petra.lsp.text import Text
from tests.lsp.desk import NOTES, write
from tests.lsp.zero import EVERYTHING
from tests.serving import Served, environment, petra

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUESTION = "What is the ticket lock of the Marlin kernel called?"


@dataclass
class Editor:
    """pytest-lsp's client, which keeps the texts of answer files and makes the edits of them."""

    client: LanguageClient
    folder: Path
    texts: dict[str, Text] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)

    def open(self, uri: str, text: str, language: str) -> None:
        self.texts[uri], self.versions[uri] = Text(text), 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        for change in params.edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            if change.text_document.version != self.versions[change.text_document.uri]:
                return types.ApplyWorkspaceEditResult(applied=False)
            for edit in change.edits:
                assert isinstance(edit, types.TextEdit)
                self.replace(change.text_document.uri, edit.range, edit.new_text)
        return types.ApplyWorkspaceEditResult(applied=True)

    def replace(self, uri: str, range: types.Range, text: str) -> None:
        start, end = range.start, range.end
        self.texts[uri].replace((start.line, start.character), (end.line, end.character), text)
        self.versions[uri] += 1
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(uri=uri, version=self.versions[uri]),
                [types.TextDocumentContentChangePartial(range=range, text=text)],
            )
        )

    async def run(self, command: str, *arguments: Any) -> Any:
        params = types.ExecuteCommandParams(command, arguments)
        return await self.client.workspace_execute_command_async(params)

    async def answered(self, uri: str, times: int) -> str:
        while str(self.texts[uri]).count("<!-- conversation") < times:
            await asyncio.sleep(0.05)
        return str(self.texts[uri])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(real_server: Served, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    client: Any = make_test_lsp_client()
    opened = Editor(client, tmp_path_factory.mktemp("zero") / "notes")
    await asyncio.to_thread(write, opened.folder)

    @client.feature(types.WORKSPACE_APPLY_EDIT)
    def _apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        return opened.apply(params)

    del client.protocol.fm.features[types.WINDOW_SHOW_DOCUMENT]  # pytest-lsp only notes what it is shown

    @client.feature(types.WINDOW_SHOW_DOCUMENT)
    def _show(params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        path = Path(to_fs_path(params.uri) or "")
        opened.open(params.uri, path.read_text(), "markdown")
        return types.ShowDocumentResult(success=True)

    command = petra("lsp", "--data-dir", str(real_server.data_dir))
    await client.start_io(*command, env=environment())
    try:
        capabilities = converters.get_converter().structure(EVERYTHING, types.ClientCapabilities)
        folders = [types.WorkspaceFolder(uri=opened.folder.as_uri(), name="notes")]
        await client.initialize_session(
            types.InitializeParams(
                capabilities=capabilities,
                workspace_folders=folders,
                initialization_options={"petra": {"maxTokens": 48}},
            )
        )
        opened.open((opened.folder / "queue.py").as_uri(), NOTES["queue.py"], "python")
        client.progress_reports["reading"] = []
        await client.protocol.send_request_async("petra/index", {"workDoneToken": "reading"})
        yield opened
        await client.shutdown_session()
    finally:
        await client.stop()


async def test_a_chat_in_a_file(editor: Editor) -> None:
    result = await editor.run("petra.ask", {"question": QUESTION})
    uri = result["uri"] if isinstance(result, dict) else result.uri
    text = await editor.answered(uri, 1)
    assert "Humboldt" in text.partition("## Answer 1")[2]
    assert f"]({(editor.folder / 'locks.md').as_uri()}#L" in text
    end = editor.texts[uri].place(len(text))
    at = types.Position(*end)
    editor.replace(uri, types.Range(at, at), "And how many direct blocks has a file at most?")
    found = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), types.Range(at, at), types.CodeActionContext(diagnostics=[])
        )
    )
    # lsprotocol reads an action with a command as a command; its title is that of both.
    assert [action.title for action in found or ()] == ["Petra: answer this question"]
    await editor.run("petra.ask", {"uri": uri})
    text = await editor.answered(uri, 2)
    assert text.partition("## Answer 2\n\n")[2].strip() and text.endswith("## Ask\n\n")


async def test_an_action_is_resolved_or_says_why_not(editor: Editor) -> None:
    """The smallest model does not always give code: then there is no edit, and the person is told."""
    uri = (editor.folder / "queue.py").as_uri()
    lines = types.Range(types.Position(3, 0), types.Position(6, 0))
    found = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), lines, types.CodeActionContext(diagnostics=[])
        )
    )
    action = next(item for item in found or () if isinstance(item, types.CodeAction) and item.data)
    before = len(editor.client.messages)
    resolved = await editor.client.code_action_resolve_async(action)
    told = len(editor.client.messages) - before
    if resolved.edit is None:
        assert told == 1
    else:
        (change,) = resolved.edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit) and change.text_document.version == 1 and not told


async def test_symbols_and_cards(editor: Editor) -> None:
    found = await editor.client.workspace_symbol_async(types.WorkspaceSymbolParams("push"))
    assert found and found[0].name == "push_task"
    uri = (editor.folder / "queue.py").as_uri()
    card = await editor.client.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(3, 10))
    )
    assert card and isinstance(card.contents, types.MarkupContent)
    assert "**push_task** (method in RunQueue)" in card.contents.value
