"""What a client has open, as search and prompts see it."""

from __future__ import annotations

import pytest

from petra.lsp import documents, notebooks
from tests.lsp.sink import URI, edit, initialized, open_document, receive, span, text_of

NOTEBOOK = "file:///course/n.ipynb"
CELLS = [f"vscode-notebook-cell:/course/n.ipynb#{number}" for number in range(3)]


def test_changes_of_one_message_are_applied_one_after_the_other() -> None:
    session, _ = initialized()
    open_document(session, "one\ntwo\n")
    edit(
        session,
        {"range": span((0, 0), (0, 3)), "text": "1\n1"},
        {"range": span((2, 0), (2, 3)), "text": "2"},
        version=7,
    )
    assert text_of(session) == "1\n1\n2\n"
    document = session.documents.get(URI)
    assert document and (document.version, document.language, document.path) == (7, "python", "/course/a.py")


@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 5), ("utf-16", 3), ("utf-32", 2)])
def test_columns_are_counted_in_the_agreed_unit(encoding: str, column: int) -> None:
    session, _ = initialized({"general": {"positionEncodings": [encoding]}})
    assert session.encoding == encoding
    open_document(session, "a😀b")
    edit(session, {"range": span((0, column), (0, column)), "text": "|"})
    assert text_of(session) == "a😀|b"


def test_a_closed_document_is_forgotten() -> None:
    session, _ = initialized()
    open_document(session, "x")
    receive(session, "textDocument/didClose", {"textDocument": {"uri": URI}})
    receive(session, "textDocument/didClose", {"textDocument": {"uri": URI}})
    assert text_of(session) is None
    assert session.documents.overlay() == []


def test_the_overlay_has_unsaved_text_by_path_and_the_latest_first() -> None:
    session, _ = initialized()
    open_document(session, "old")
    open_document(session, "scratch", uri="untitled:Untitled-1")
    edit(session, {"text": "new"})
    assert [(item.path, item.text, item.version) for item in session.documents.overlay()] == [
        (None, "scratch", 1),
        ("/course/a.py", "new", 2),
    ]


def test_a_document_that_grows_too_large_is_left_to_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENT_LIMIT", 100)
    session, sink = initialized()
    open_document(session, "x" * 101, uri="file:///course/b.py")
    open_document(session, "x" * 99)
    edit(session, {"range": span((0, 0), (0, 0)), "text": "yy"})
    edit(session, {"range": span((0, 0), (0, 0)), "text": "ignored"})
    assert session.documents.overlay() == []
    assert len(sink.shown()) == 1
    assert "too large" in sink.shown()[0]
    edit(session, {"text": "whole again"})
    assert [item.text for item in session.documents.overlay()] == ["whole again"]


def test_all_documents_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "SESSION_LIMIT", 100)
    monkeypatch.setattr(documents, "OPEN_LIMIT", 3)
    session, sink = initialized()
    for number in range(5):
        open_document(session, "x" * 40, uri=f"file:///course/{number}.py")
    assert [item.path for item in session.documents.overlay()] == ["/course/1.py", "/course/0.py"]
    assert len(sink.shown()) == 1


def open_notebook(session: object) -> None:
    texts = ["import numpy", "# Title", "x = 1"]
    receive(
        session,  # type: ignore[arg-type]
        "notebookDocument/didOpen",
        {
            "notebookDocument": {
                "uri": NOTEBOOK,
                "notebookType": "jupyter-notebook",
                "version": 1,
                "cells": [{"kind": 1 if n == 1 else 2, "document": uri} for n, uri in enumerate(CELLS)],
            },
            "cellTextDocuments": [
                {"uri": uri, "languageId": "python", "version": 1, "text": text}
                for uri, text in zip(CELLS, texts, strict=True)
            ],
        },
    )


def test_a_notebook_is_seen_cell_by_cell_and_as_one_text() -> None:
    session, _ = initialized({"notebookDocument": {"synchronization": {}}})
    open_notebook(session)
    assert text_of(session, CELLS[2]) == "x = 1"
    (overlay,) = session.documents.overlay()
    assert (overlay.path, overlay.version) == ("/course/n.ipynb", 1)
    assert overlay.text == "# %%\nimport numpy\n# %% [markdown]\n# Title\n# %%\nx = 1\n"


def test_cells_are_edited_moved_and_removed() -> None:
    session, _ = initialized({"notebookDocument": {"synchronization": {}}})
    open_notebook(session)
    change = {
        "cells": {
            "structure": {
                "array": {"start": 0, "deleteCount": 2, "cells": [{"kind": 2, "document": "cell:new"}]},
                "didOpen": [{"uri": "cell:new", "languageId": "python", "version": 1, "text": "first"}],
                "didClose": [{"uri": uri} for uri in CELLS[:2]],
            },
            "textContent": [
                {
                    "document": {"uri": CELLS[2], "version": 2},
                    "changes": [{"range": span((0, 4), (0, 5)), "text": "2"}],
                }
            ],
        }
    }
    receive(
        session,
        "notebookDocument/didChange",
        {"notebookDocument": {"uri": NOTEBOOK, "version": 2}, "change": change},
    )
    (overlay,) = session.documents.overlay()
    assert overlay.text == "# %%\nfirst\n# %%\nx = 2\n"
    receive(
        session,
        "notebookDocument/didClose",
        {
            "notebookDocument": {"uri": NOTEBOOK},
            "cellTextDocuments": [{"uri": "cell:new"}, {"uri": CELLS[2]}],
        },
    )
    assert session.documents.overlay() == []
    assert list(session.documents) == []


def test_a_notebook_that_grows_too_large_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebooks, "OPEN_LIMIT", 5)
    session, _ = initialized({"notebookDocument": {"synchronization": {}}})
    open_notebook(session)
    cells = [{"kind": 2, "document": f"cell:{number}"} for number in range(2)]
    change = {"cells": {"structure": {"array": {"start": 0, "deleteCount": 0, "cells": cells}}}}
    changed = {"notebookDocument": {"uri": NOTEBOOK, "version": 2}, "change": change}
    receive(session, "notebookDocument/didChange", changed)
    assert session.documents.overlay() == [] and list(session.documents) == []
    monkeypatch.setattr(notebooks, "OPEN_LIMIT", 3)
    open_notebook(session)
    assert session.documents.overlay() == []


def test_several_folders_come_and_go() -> None:
    folder = {"uri": "file:///course/one", "name": "one"}
    session, _ = initialized(workspaceFolders=[folder, {"uri": "file:///course/two", "name": "two"}])
    assert session.folders == ["file:///course/one", "file:///course/two"]
    event = {"added": [{"uri": "file:///course/three", "name": "three"}], "removed": [folder]}
    receive(session, "workspace/didChangeWorkspaceFolders", {"event": event})
    assert session.folders == ["file:///course/two", "file:///course/three"]


def test_an_older_editors_root_is_a_folder() -> None:
    session, _ = initialized(rootUri="file:///course/root")
    assert session.folders == ["file:///course/root"]
