"""PowerPoint decks to blocks: one a slide, with the speaker's notes below, and its tables."""

from __future__ import annotations

from collections.abc import Mapping

from petra.knowledge.blocks import Block
from petra.knowledge.extract.archive import Archive
from petra.knowledge.extract.document import Document, counted, without_text
from petra.knowledge.extract.markup import parse
from petra.knowledge.extract.office import Texts, relations
from petra.knowledge.extract.tables import Row, table_blocks
from petra.knowledge.hygiene import clean

_LONGEST_TITLE = 100
_TITLES = frozenset({"title", "ctrTitle"})
_RUNNING = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
"""Placeholders that say the same on every slide."""


def read(archive: Archive, main: str, *, slide_limit: int, text_limit: int) -> Document:
    """The slides of a deck whose first part is `main`, in the order they are shown in.

    Raises UnreadableDocument.
    """
    name = archive.name
    order = _Order()
    parse(archive.stream(main), order, name)
    by_id = relations(archive, main)
    slides = [by_id[id].part for id in order.ids if id in by_id]
    blocks: list[Block] = []
    room, count = text_limit, 0
    for number, part in enumerate(slides[:slide_limit], 1):
        slide = _Shapes(room)
        parse(archive.stream(part), slide, name)
        uses = relations(archive, part).values()
        for diagram in (use.part for use in uses if use.kind == "diagramData"):
            _add(archive, diagram, slide)
        notes = _Shapes(slide.room)
        for part in (use.part for use in uses if use.kind == "notesSlide"):
            _add(archive, part, notes)
        blocks += _blocks(slide, notes, number)
        room, count = notes.room, number
        if room < 0:
            break
    if not blocks:
        cause = f"It has {counted(len(slides), 'slide')} of pictures only" if slides else "It has no slides"
        raise without_text(name, cause)
    left_out = f"Only the first {count:,} of {counted(len(slides), 'slide')} were read"
    return Document(blocks, len(slides), left_out if count < len(slides) or room < 0 else None)


def _add(archive: Archive, part: str, shapes: _Shapes) -> None:
    """Take in another part that a slide uses, unless there is no room left."""
    if part in archive and shapes.room >= 0:
        parse(archive.stream(part), shapes, archive.name)


def _blocks(slide: _Shapes, notes: _Shapes, number: int) -> list[Block]:
    lines = [*slide.title, *slide.lines]
    if notes.lines:
        lines += ["", "Notes:", *notes.lines]
    title = " ".join(slide.title)[:_LONGEST_TITLE]
    # A title alone stands above the tables of its slide anyway.
    alone = bool(slide.tables) and len(lines) == len(slide.title)
    blocks = [Block(text="\n".join(lines), header=title, page=number)] if lines and not alone else []
    for rows in slide.tables:
        blocks += table_blocks([Row(row) for row in rows], title, number)
    return blocks


class _Order:
    def __init__(self) -> None:
        self.ids: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sldId":
            self.ids.append(attributes.get("r:id", ""))

    def end(self, tag: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


class _Shapes(Texts):
    """What stands on one slide, or in its notes."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.title: list[str] = []
        self.lines: list[str] = []
        self.tables: list[list[list[str]]] = []
        self._holder = ""
        self._level = 0

    def properties(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sp":
            self._holder = ""
        elif tag == "ph":
            self._holder = attributes.get("type", "")
        elif tag == "p":
            self._level = 0
        elif tag == "pPr" and (level := attributes.get("lvl", "")) in (
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
        ):
            self._level = int(level)

    def leave(self, tag: str) -> None:
        if tag == "sp":
            self._holder = ""

    def paragraph(self, text: str) -> None:
        text = clean(text).strip()
        if not text or self._holder in _RUNNING:
            return
        if self._holder in _TITLES and not self.lines:
            self.title.append(" ".join(text.split()))
        else:
            self.lines.append("  " * (self._level - 1) + "- " + text if self._level else text)

    def table(self, rows: list[list[str]]) -> None:
        self.tables.append(rows)
