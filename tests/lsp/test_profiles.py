"""Every method under what real editors say that they can do, with pytest-lsp's checks of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp.client import make_test_lsp_client

from tests.inference import gguf_files
from tests.lsp.desk import NOTES, write
from tests.lsp.profiled import NAMES, Editor, profile
from tests.serving import Served, environment, petra, served

START = types.Position(0, 0)

pytestmark = pytest.mark.asyncio(loop_scope="module")


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

    editor.replace(uri, f"{text}And who holds it?\n")
    await editor.call(
        types.WORKSPACE_EXECUTE_COMMAND, types.ExecuteCommandParams("petra.ask", [{"uri": uri}])
    )
    text = await editor.until(uri, "## Answer 2")
    assert "And who holds it?" in text.partition("## Answer 2")[0]


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
