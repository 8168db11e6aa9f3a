"""Headings, paragraphs and tables, in the order of a document, to blocks: one for each heading with what
stands under it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from petra.knowledge.blocks import Block
from petra.knowledge.extract.tables import Row, table_blocks
from petra.knowledge.hygiene import clean

LONGEST_HEADING = 100
"""Characters; what is longer is a paragraph that somebody made large."""


class Parts:
    """Takes a document from its beginning to its end.

    Its parts are counted from 1 and are the blocks' pages, unless `page` says on which page all of it is.
    """

    def __init__(self, page: int | None = None) -> None:
        self._page = page
        self._part = 1
        self._path: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._only_heading = False
        self._blocks: list[Block] = []

    @property
    def header(self) -> str:
        """The headings above what comes next."""
        return " › ".join(title for _, title in self._path)

    def name(self, title: str) -> None:
        """What the document calls itself: stands above all until a heading of level 0 or 1 comes."""
        if title := _flat(title)[:LONGEST_HEADING]:
            self._path = [(1, title)]

    def heading(self, level: int, text: str) -> None:
        """A heading: a new part begins. One that is nothing but a heading lives on in the paths below it."""
        title = _flat(text)
        if not title or len(title) > LONGEST_HEADING:
            self.paragraph(text)
            return
        if self._only_heading and level > self._path[-1][0]:
            self._lines = []
        elif self._lines or self._blocks:
            self._flush()
            self._part += 1
        self._path = [item for item in self._path if item[0] < level]
        self._path.append((level, title))
        self._lines = [title]
        self._only_heading = True

    def paragraph(self, text: str, *, listed: bool = False) -> None:
        """A paragraph, or an item of a list."""
        text = clean(text).strip("\n").rstrip()
        if text.strip():
            self._lines.append(f"\n- {text}" if listed else f"\n\n{text}")
            self._only_heading = False

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """A table."""
        self._flush()
        self._blocks += table_blocks([Row(row) for row in rows], self.header, self._page or self._part)
        self._only_heading = False

    def finish(self) -> list[Block]:
        """All blocks, when there is no more."""
        self._flush()
        return self._blocks

    def _flush(self) -> None:
        text = "".join(self._lines).strip("\n")
        if text.strip():
            self._blocks.append(Block(text=text, header=self.header, page=self._page or self._part))
        self._lines = []


def _flat(text: str) -> str:
    return " ".join(clean(text).split())
