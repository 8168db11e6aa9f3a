"""Row 29: UTF-16 astral and CRLF edits, through the wire → equal to a reference model."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lsp.sink import edit, initialized, open_document, span, text_of
from tests.lsp.test_text import EDITS, TEXTS, model_offset


@settings(deadline=None)
@given(TEXTS, EDITS)
def test_edits_equal_the_model(first: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]]) -> None:
    session, sink = initialized()
    open_document(session, first)
    model = first
    for version, (one, other, new) in enumerate(edits, 2):
        # LSP's positions are not negative.
        start, end = ((max(line, 0), max(column, 0)) for line, column in (one, other))
        low, high = sorted((model_offset(model, start, "utf-16"), model_offset(model, end, "utf-16")))
        edit(session, {"range": span(start, end), "text": new}, version=version)
        model = model[:low] + new + model[high:]
        assert text_of(session) == model
    assert sink.sent == []


@given(st.text(alphabet="a😀\r\n", max_size=20))
def test_a_text_comes_back_as_it_was_opened(text: str) -> None:
    session, _ = initialized()
    open_document(session, text)
    assert text_of(session) == text
