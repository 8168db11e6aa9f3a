"""Row 28: reversed or out-of-range edits → no exception, and a text that can be edited on."""

from __future__ import annotations

import pytest

from tests.lsp.sink import edit, initialized, open_document, span, text_of

HUGE = 2**31 - 1


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((1, 2), (0, 1), "oXo\n"),
        ((0, 2), (0, 1), "oXe\ntwo\n"),
        ((0, 1), (0, HUGE), "oX\ntwo\n"),
        ((0, HUGE), (1, 0), "oneXtwo\n"),
        ((HUGE, 0), (HUGE, HUGE), "one\ntwo\nX"),
        ((HUGE, HUGE), (0, 0), "X"),
        ((2, 5), (2, 9), "one\ntwo\nX"),
    ],
)
def test_odd_range(
    start: tuple[int, int], end: tuple[int, int], expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    session, sink = initialized()
    open_document(session, "one\ntwo\n")
    edit(session, {"range": span(start, end), "text": "X"})
    assert text_of(session) == expected
    assert sink.sent == []
    assert "failed" not in caplog.text


def test_a_range_that_is_none_changes_nothing() -> None:
    session, _ = initialized()
    open_document(session, "one")
    edit(session, {"range": span((-1, 0), (0, 2)), "text": "X"})
    edit(session, {"range": {"start": 5}, "text": 7})
    assert text_of(session) in ("one", "Xe")
