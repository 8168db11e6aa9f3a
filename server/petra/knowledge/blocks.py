"""What extraction hands to the chunker, and what the chunker makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "source", "table"]
"""Of a table each line is a row, and its `header` ends with the names of the columns: a chunk should begin
with a row, and a row should not be cut while it fits."""


@dataclass(frozen=True)
class Span:
    """The rows (from 0, `end` excluded) of one node of a syntax tree, with the nodes in it that are worth
    cutting. `opens` says that a chunk may begin with its first row: nothing else stands on it before the
    node, and no comment above belongs to it."""

    start: int
    end: int
    opens: bool
    children: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Definition:
    """Something that source text gives a name to. `scope` names what it stands in: "class › method".

    It has the rows `first` to `last` (from 0, inclusive), and the comments above it from `lead` on. `doc`
    is the first line of its description, which stands in row `doc_row`.
    """

    name: str
    kind: str
    scope: str
    first: int
    last: int
    lead: int
    doc: str = ""
    doc_row: int = -1

    @property
    def path(self) -> str:
        """Its scope and its name."""
        return f"{self.scope} › {self.name}" if self.scope else self.name


@dataclass(frozen=True)
class Outline:
    """What a parser knows of a source text. `definitions` are in the order in which they begin, the outer
    one first; `parents` gives, for each, the place of the one around it, or -1."""

    root: Span
    definitions: tuple[Definition, ...] = ()
    parents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """A stretch of one document that stands under one heading: a section, a page, a whole file.

    `header` is its heading path or page title. `line` is the number of its first line, counted from 1,
    for files that have lines; `page` the page it begins on, for files that have pages. When its last
    sentence runs over a page border, `turn` is the offset in `text` where the next page begins.
    `language` is that of source text, where a parser knows it (`syntax.languages`).
    """

    text: str
    header: str = ""
    kind: Kind = "prose"
    page: int | None = None
    line: int | None = None
    turn: int | None = None
    language: str | None = None


@dataclass(frozen=True)
class Piece:
    """A chunk before it has a row. `text[overlap:]` is its own; what stands before repeats the piece
    before it, for context. `gap` is the blank text between the piece before and its own: all pieces with
    their gaps make the document again. `pages` and `lines` are first and last of the whole text, inclusive.
    """

    header: str
    text: str
    overlap: int = 0
    gap: str = ""
    pages: tuple[int, int] | None = None
    lines: tuple[int, int] | None = None


def embedded_text(header: str, text: str) -> str:
    """What the embedder is given for a chunk. It holds scope and body but never the path, so that a
    rename embeds nothing again."""
    return f"{header}\n{text}" if header else text
