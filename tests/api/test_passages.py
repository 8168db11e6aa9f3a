from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from petra.api.passages import joined, line_text, page_text
from petra.knowledge.chunking import chunk as cut_blocks
from petra.knowledge.extract.sniff import Text
from petra.knowledge.extract.text import read
from petra.storage.chunks import Chunk, Span


def chunk(
    text: str, *, pages: Span | None = None, lines: Span | None = None, overlap: int = 0, gap: str = "\n"
) -> Chunk:
    return Chunk(0, "d", "c", 1, None, 0, "", text, pages, lines, "", overlap, gap)


LINES = ["def a():", "    return 1", "", "def b():", "    return 2"]


def test_lines_come_back_exactly_across_chunks() -> None:
    chunks = [
        chunk("\n".join(LINES[:2]), lines=(2, 3)),
        chunk("\n".join(LINES[3:]), lines=(5, 6), gap="\n\n"),
    ]
    assert line_text(chunks, 3, 5) == "    return 1\n\ndef b():"
    assert line_text(chunks, 1, 99) == "\n".join(["", *LINES])
    assert line_text(chunks[1:], 4, 5) == "\ndef b():"
    assert line_text(chunks, 8, 9) == ""
    assert line_text([], 1, 2) == ""


def test_a_page_has_what_runs_over_its_borders() -> None:
    chunks = [chunk("one", pages=(1, 1)), chunk("two", pages=(1, 2)), chunk("three", pages=(3, 3))]
    assert page_text(chunks, 2) == "two"
    assert page_text(chunks, 1) == "one\ntwo"
    assert page_text(chunks, 4) == ""


def test_what_chunks_repeat_of_each_other_is_shown_once() -> None:
    chunks = [chunk("Same. Same."), chunk("Same. Same. Same.", overlap=6, gap=" "), chunk("第二", gap="")]
    assert joined(chunks) == "Same. Same. Same. Same.第二"


def cut(text: str, name: str, size: int, overlap: int) -> list[Chunk]:
    """The chunks of a text file, as extraction makes them (tokens are words here)."""
    count = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    pieces = cut_blocks(read(Text(text, name)), count, size, overlap)  # type: ignore[arg-type]
    return [chunk(piece.text, lines=piece.lines, overlap=piece.overlap, gap=piece.gap) for piece in pieces]


LECTURES = sorted((Path(__file__).parents[1] / "course").glob("lecture-*.md"))


def unwrapped(markdown: str) -> str:
    """The same Markdown with each paragraph of prose on one long line."""
    paragraphs = markdown.rstrip().split("\n\n")
    return "\n\n".join(" ".join(part.split("\n")) if part[:1].isalpha() else part for part in paragraphs)


@pytest.mark.parametrize("kind", ["text/markdown", "text/plain", "text/x-source"])
@pytest.mark.parametrize("size", [40, 60, 200])
@pytest.mark.parametrize("overlap", [0, 12])
@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.name)
def test_any_lines_come_back_exactly(path: Path, size: int, overlap: int, kind: str) -> None:
    text = unwrapped(path.read_text())
    chunks = cut(text, kind, size, overlap)
    if size == 40:
        assert any(one.lines == two.lines for one, two in pairwise(chunks)), "a line is in two chunks"
    assert joined(chunks) == text
    assert line_text(chunks, 1, 999) == text
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        assert line_text(chunks, number, number) == line, number
        wanted = "\n".join(lines[number - 1 : number + 3])
        # Blank lines at the end belong to no chunk.
        assert line_text(chunks, number, number + 3).rstrip("\n") == wanted.rstrip("\n"), number


def test_a_word_that_was_cut_within_is_one_word_again() -> None:
    word = "".join(chr(0x100 + number) for number in range(1000))
    assert joined(cut(f"Before. {word} after.", "text/plain", 40, 5)) == f"Before. {word} after."
