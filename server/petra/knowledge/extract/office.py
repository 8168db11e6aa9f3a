"""What Word, PowerPoint and Excel files have in common: relations between parts, paragraphs and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from petra.knowledge.extract.archive import Archive, beside
from petra.knowledge.extract.markup import Enough, parse
from petra.knowledge.extract.tables import MOST_COLUMNS, cells_text


@dataclass(frozen=True)
class Relation:
    """That one part of a document uses another; `kind` is the last word of its type."""

    kind: str
    part: str


def main_part(archive: Archive) -> str | None:
    """The part that a document begins with, such as `word/document.xml`; None when it is no office file."""
    found = relations(archive, "").values()
    return next((item.part for item in found if item.kind == "officeDocument"), None)


def relations(archive: Archive, part: str) -> dict[str, Relation]:
    """The parts that `part` uses, by the id it uses them by. What lies outside the archive is left out."""
    folder, _, file = part.rpartition("/")
    where = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
    reader = _Relations(part)
    if where in archive:
        parse(archive.stream(where), reader, archive.name)
    return reader.found


class _Relations:
    def __init__(self, part: str) -> None:
        self.found: dict[str, Relation] = {}
        self._part = part

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            target = beside(self._part, attributes.get("Target", ""))
            self.found[attributes.get("Id", "")] = Relation(kind, target)

    def end(self, tag: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


class Texts:
    """Collects the paragraphs and tables of a Word part or a slide. What becomes of them, `paragraph` and
    `table` say; `properties` and `leave` take in what else a format tells of them. `room` is how many
    characters it may take; at the end of them it has had enough, and `room` is negative."""

    IGNORED: frozenset[str] = frozenset({"Fallback"})
    """Elements that repeat or replace others."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._ignoring = 0
        self._taking = False
        self._run = 0
        self._paragraphs: list[list[str]] = []
        self._tables: list[list[list[str]]] = []
        self._cells: list[list[str]] = []
        self._spans: list[int] = []

    def paragraph(self, text: str) -> None:
        """A paragraph outside of tables."""

    def table(self, rows: list[list[str]]) -> None:
        """A table outside of tables."""

    def properties(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Any element that is not ignored begins."""

    def leave(self, tag: str) -> None:
        """Any element that is not ignored ends."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if self._ignoring or tag in self.IGNORED:
            self._ignoring += 1
            return
        self.properties(tag, attributes)
        if tag == "t":
            self._taking = True
        elif tag == "p":
            self._paragraphs.append([])
        elif tag == "r":
            self._run += 1
        elif tag == "tbl":
            self._tables.append([])
        elif tag == "tr" and self._tables:
            self._tables[-1].append([])
        elif tag == "tc" and self._tables:
            self._cells.append([])
            self._spans.append(1)
        elif tag == "gridSpan" and self._spans:
            self._spans[-1] = _whole(attributes.get("val", ""))
        elif tag in ("br", "cr"):
            self._put("\n")
        elif tag == "tab" and self._run:
            self._put("\t")
        elif tag == "noBreakHyphen":
            self._put("-")

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._ignoring:
            self._ignoring -= 1
            return
        if tag == "t":
            self._taking = False
        elif tag == "r":
            self._run -= 1
        elif tag == "p" and self._paragraphs:
            self._say("".join(self._paragraphs.pop()))
        elif tag == "tc" and self._cells and self._tables and self._tables[-1]:
            row = self._tables[-1][-1]
            wide = ["\n".join(self._cells.pop())] + [""] * (self._spans.pop() - 1)
            row += wide[: MOST_COLUMNS - len(row)]
        elif tag == "tbl" and self._tables:
            rows = self._tables.pop()
            if self._cells:
                self._cells[-1].append(cells_text(rows))
            else:
                self.table(rows)
        self.leave(tag)

    def text(self, data: str) -> None:
        """Character data."""
        if self._taking and not self._ignoring:
            self._put(data)

    def _put(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].append(text[: self.room])
            self.room -= len(text)
            if self.room < 0:
                self._say("".join(self._paragraphs.pop()))
                raise Enough

    def _say(self, text: str) -> None:
        if self._cells:
            self._cells[-1].append(text)
        else:
            self.paragraph(text)


def _whole(number: str) -> int:
    """How many columns a cell spans; a cell that tells nonsense spans one."""
    return (
        max(1, min(int(number), MOST_COLUMNS))
        if number.isascii() and number.isdigit() and len(number) < 4
        else 1
    )
