"""What extraction hands to the chunker, and what the chunker makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "source", "table"]
"""Of a table each line is a row, and its `header` ends with the names of the columns: a chunk should begin
with a row, and a row should not be cut while it fits."""


@dataclass(frozen=True)
class Block:
    """A stretch of one document that stands under one heading: a section, a page, a whole file.

    `header` is its heading path or page title. `line` is the number of its first line, counted from 1,
    for files that have lines; `page` the page it begins on, for files that have pages. When its last
    sentence runs over a page border, `turn` is the offset in `text` where the next page begins.
    """

    text: str
    header: str = ""
    kind: Kind = "prose"
    page: int | None = None
    line: int | None = None
    turn: int | None = None


@dataclass(frozen=True)
class Piece:
    """A chunk before it has a row. `text[overlap:]` is its own; what stands before repeats the piece
    before it, for context. `pages` and `lines` are first and last of the whole text, inclusive."""

    header: str
    text: str
    overlap: int = 0
    pages: tuple[int, int] | None = None
    lines: tuple[int, int] | None = None


def embedded_text(header: str, text: str) -> str:
    """What the embedder is given for a chunk. It holds scope and body but never the path, so that a
    rename embeds nothing again."""
    return f"{header}\n{text}" if header else text
