from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from petra.api.passages import joined, line_text, page_text
from petra.storage.chunks import Chunk, Span


def chunk(text: str, *, pages: Span | None = None, lines: Span | None = None) -> Chunk:
    return Chunk(0, "d", "c", 1, None, 0, "", text, pages, lines, "")


LINES = ["def a():", "    return 1", "", "def b():", "    return 2"]


def test_lines_come_back_exactly_across_chunks() -> None:
    chunks = [chunk("\n".join(LINES[:2]), lines=(1, 2)), chunk("\n".join(LINES[3:]), lines=(4, 5))]
    assert line_text(chunks, 2, 4) == "    return 1\n\ndef b():"
    assert line_text(chunks, 1, 99) == "\n".join(LINES)
    assert line_text(chunks, 7, 9) == ""


def test_a_page_has_what_runs_over_its_borders() -> None:
    chunks = [chunk("one", pages=(1, 1)), chunk("two", pages=(1, 2)), chunk("three", pages=(3, 3))]
    assert page_text(chunks, 2) == "two"
    assert page_text(chunks, 1) == "one\ntwo"


@given(st.integers(40, 200), st.integers(10, 30), st.integers(8, 10))
def test_what_chunks_repeat_of_each_other_is_shown_once(length: int, size: int, overlap: int) -> None:
    # Characters that never repeat: a chance repetition could be taken for the overlap.
    text = "".join(chr(0x4E00 + number) for number in range(length))
    pieces = [text[max(start - overlap, 0) : start + size] for start in range(0, length, size)]
    assert joined(pieces) == text
