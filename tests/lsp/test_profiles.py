"""Every method under what real editors say that they can do, with pytest-lsp's checks of the specification.

The profiles were recorded from the editors (`python -m tests.editors.record`); that of VS Code is the newest
of pytest-lsp's own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import make_test_lsp_client

from petra.lsp.protocol import converter
from petra.lsp.text import Text
from tests.inference import gguf_files
from tests.lsp.desk import NOTES, write
from tests.serving import Served, environment, petra, served

PROFILES = Path(__file__).parent / "profiles"
NAMES = [*sorted(path.stem for path in PROFILES.glob("*.json")), "visual-studio-code"]
START = types.Position(0, 0)

pytestmark = pytest.mark.asyncio(loop_scope="module")


def profile(name: str) -> types.ClientCapabilities:
    if name == "visual-studio-code":
        return client_capabilities("visual_studio_code")
    said = json.loads((PROFILES / f"{name}.json").read_text())
    found: types.ClientCapabilities = converter().structure(said["capabilities"], types.ClientCapabilities)
    return found


@dataclass
class Editor:
    """pytest-lsp's client, which opens what it is shown and makes the edits that it is asked for."""

    client: LanguageClient
    capabilities: types.ClientCapabilities
    folder: Path
    texts: dict[str, Text] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, method: str, params: Any) -> Any:
        return await self.client.protocol.send_request_async(method, params)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, uri: str, text: str, language: str) -> None:
        self.texts[uri], self.versions[uri] = Text(text), 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def edit(self, uri: str, edit: types.TextEdit) -> None:
        self.versions[uri] += 1
        at = edit.range
        places = ((at.start.line, at.start.character), (at.end.line, at.end.character))
        self.texts[uri].replace(*places, edit.new_text)
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        change = types.TextDocumentContentChangePartial(range=at, text=edit.new_text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        self.news.set()

    def apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        versioned = bool(self.capabilities.workspace.workspace_edit.document_changes)
        assert versioned == bool(params.edit.document_changes)
        for document in params.edit.document_changes or ():
            assert document.text_document.version == self.versions[document.text_document.uri]
            for edit in document.edits:
                self.edit(document.text_document.uri, edit)
        for uri, edits in (params.edit.changes or {}).items():
            for edit in edits:
                self.edit(uri, edit)
        return types.ApplyWorkspaceEditResult(applied=True)

    async def until(self, uri: str, part: str) -> str:
        async with asyncio.timeout(60):
            while part not in str(self.texts[uri]):
                self.news.clear()
                await self.news.wait()
        return str(self.texts[uri])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With the tiny model that fills in the middle, and else repeats the end of what it reads."""
    folder = tmp_path_factory.mktemp("profiles")
    model = gguf_files.echo(folder / "echo.gguf")
    with served(folder / "data", MODEL_PATH=str(model)) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("profile") / "notes"
    write(folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=NAMES)
async def editor(request: pytest.FixtureRequest, server: Served, notes: Path) -> AsyncIterator[Editor]:
    client: Any = make_test_lsp_client()
    opened = Editor(client, profile(request.param), notes)
    client.feature(types.WORKSPACE_APPLY_EDIT)(lambda params: opened.apply(params))
    command = petra("lsp", "--data-dir", str(server.data_dir))
    await client.start_io(*command, env=environment())
    try:
        folders = [types.WorkspaceFolder(uri=opened.folder.as_uri(), name="notes")]
        await client.initialize_session(
            types.InitializeParams(capabilities=opened.capabilities, workspace_folders=folders)
        )
        client.progress_reports["reading"] = []
        await opened.call("petra/index", {"workDoneToken": "reading"})
        opened.open(opened.uri("queue.py"), NOTES["queue.py"], "python")
        yield opened
        await client.shutdown_session()
        assert client.error is None
    finally:
        await client.stop()


async def test_an_answer_in_a_file_and_its_citations(editor: Editor) -> None:
    begun = await editor.call(
        types.WORKSPACE_EXECUTE_COMMAND,
        types.ExecuteCommandParams("petra.ask", [{"question": "What is the ticket lock called?"}]),
    )
    uri, path = begun["uri"], Path(to_fs_path(begun["uri"]) or "")
    window = editor.capabilities.window
    shows = bool(window and window.show_document and window.show_document.support)
    assert shows == (uri in [item.uri for item in editor.client.shown_documents])
    if not shows:
        assert path.name in editor.client.messages[-1].message
    editor.open(uri, await asyncio.to_thread(path.read_text), "markdown")
    text = await editor.until(uri, "<!-- conversation ")
    (line,) = [n for n, line in enumerate(text.splitlines()) if line.startswith("1. [")] or [text]

    document = types.TextDocumentIdentifier(uri)
    links = await editor.call(types.TEXT_DOCUMENT_DOCUMENT_LINK, types.DocumentLinkParams(document))
    assert editor.uri("locks.md") in {link.target.partition("#")[0] for link in links}
    place = types.Position(line, 4)
    found = await editor.call(types.TEXT_DOCUMENT_DEFINITION, types.DefinitionParams(document, place))
    assert found.uri.startswith(editor.folder.as_uri())


async def test_code_actions(editor: Editor) -> None:
    where = types.Range(types.Position(3, 0), types.Position(6, 0))
    document = types.TextDocumentIdentifier(editor.uri("queue.py"))
    params = types.CodeActionParams(document, where, types.CodeActionContext(diagnostics=[]))
    actions = await editor.call(types.TEXT_DOCUMENT_CODE_ACTION, params)
    assert "Petra: explain these lines" in [item.title for item in actions]
    can = editor.capabilities.text_document.code_action
    resolves = bool(can and can.resolve_support and can.data_support)
    for title in ("Petra: correct these lines", "Petra: document these lines"):
        (rewrite,) = [item for item in actions if item.title == title]
        assert (rewrite.command is None) == resolves


async def test_a_suggestion_comes_in_one_way(editor: Editor) -> None:
    uri = editor.uri("new.py")
    editor.open(uri, "def push(task):\n    return queue.\n", "python")
    document, place = types.TextDocumentIdentifier(uri), types.Position(1, 17)
    inline = bool(editor.capabilities.text_document.inline_completion)
    listed = await editor.call(types.TEXT_DOCUMENT_COMPLETION, types.CompletionParams(document, place))
    if inline:
        context = types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked)
        params = types.InlineCompletionParams(context, document, place)
        found = await editor.call(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)
        assert found[0].insert_text and listed is None
    else:
        assert listed.items[0].text_edit.new_text


async def test_symbols_hover_and_search(editor: Editor) -> None:
    found = await editor.call(types.WORKSPACE_SYMBOL, types.WorkspaceSymbolParams("push_task"))
    assert found[0].name.endswith("push_task")
    document = types.TextDocumentIdentifier(editor.uri("queue.py"))
    hover = await editor.call(types.TEXT_DOCUMENT_HOVER, types.HoverParams(document, types.Position(3, 10)))
    assert "push_task" in hover.contents.value
    results = await editor.call("petra/search", {"question": "ticket lock", "query": "ticket lock"})
    assert results
