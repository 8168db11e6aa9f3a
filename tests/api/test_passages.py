from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.api.passages import joined, line_text, page_text
from petra.knowledge.chunking import chunk as cut_blocks
from petra.knowledge.extract.sniff import Text
from petra.knowledge.extract.text import read
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


def cut(markdown: str, size: int, overlap: int) -> list[Chunk]:
    """The chunks of a Markdown file, as extraction makes them (tokens are words here)."""
    count = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    pieces = cut_blocks(read(Text(markdown, "text/markdown")), count, size, overlap)
    return [chunk(piece.text, lines=piece.lines) for piece in pieces]


LECTURES = sorted((Path(__file__).parents[1] / "course").glob("lecture-*.md"))


def unwrapped(markdown: str) -> str:
    """The same Markdown with each paragraph of prose on one long line."""
    paragraphs = markdown.rstrip().split("\n\n")
    return "\n\n".join(" ".join(part.split("\n")) if part[:1].isalpha() else part for part in paragraphs)


@pytest.mark.parametrize("size", [40, 60, 200])
@pytest.mark.parametrize("overlap", [0, 12])
@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.name)
def test_long_lines_of_markdown_come_back_whole(path: Path, size: int, overlap: int) -> None:
    text = unwrapped(path.read_text())
    chunks = cut(text, size, overlap)
    if size == 40:
        assert any(one.lines == two.lines for one, two in pairwise(chunks)), "a line is in two chunks"
    wanted = [line.split() for line in text.split("\n")]
    assert [line.split() for line in line_text(chunks, 1, 999).split("\n")] == wanted
    for number, words in enumerate(wanted, 1):
        assert line_text(chunks, number, number).split() == words, number


def test_a_word_that_was_cut_within_is_one_word_again() -> None:
    word = "".join(chr(0x100 + number) for number in range(1000))
    chunks = [chunk(word[:300], lines=(3, 3)), chunk(word[300:600], lines=(3, 3))]
    chunks.append(chunk(word[600:] + "\nnext", lines=(3, 4)))
    assert line_text(chunks, 3, 4) == word + "\nnext"
    chunks = [chunk("第一句。", lines=(1, 1)), chunk("第二句。", lines=(1, 1))]
    assert line_text(chunks, 1, 1) == "第一句。第二句。"
