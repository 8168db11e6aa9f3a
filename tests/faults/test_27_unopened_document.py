"""Row 27: `didChange` on an unopened document → logged, ignored; nothing is read from the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lsp.sink import edit, initialized, open_document, receive, span, text_of


def test_a_change_of_what_is_not_open(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    session, sink = initialized()
    (tmp_path / "a.py").write_text("what is on the disk")
    uri = (tmp_path / "a.py").as_uri()
    edit(session, {"text": "x"}, uri=uri)
    edit(session, {"range": span((0, 0), (0, 1)), "text": "x"}, uri=uri)
    assert text_of(session, uri) is None
    assert session.documents.overlay() == []
    assert sink.sent == []
    assert caplog.text.count("lsp_change_of_unopened_document") == 2
    open_document(session, "opened after all", uri=uri)
    assert text_of(session, uri) == "opened after all"


def test_a_change_of_a_notebook_that_is_not_open() -> None:
    session, sink = initialized()
    document = {"uri": "file:///n.ipynb", "version": 2}
    receive(session, "notebookDocument/didChange", {"notebookDocument": document, "change": {}})
    assert session.documents.overlay() == []
    assert sink.sent == []
