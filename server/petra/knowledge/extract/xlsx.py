"""Excel workbooks to blocks: the sheets a person sees, each as tables with the values last computed."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass

from petra.errors import UnreadableDocument
from petra.knowledge.blocks import Block
from petra.knowledge.extract.archive import Archive
from petra.knowledge.extract.document import Document, counted, without_text
from petra.knowledge.extract.markup import Enough, parse
from petra.knowledge.extract.office import relations
from petra.knowledge.extract.tables import MOST_CELLS, MOST_COLUMNS, MOST_ROWS, Row, table_blocks

_CELL = re.compile(r"([A-Z]{1,3})[0-9]+")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
# Formats that every program knows by number: dates and times, and percents.
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_PERCENTS = frozenset({9, 10})
_EPOCH = datetime.datetime(1899, 12, 30)
_EPOCH_1904 = datetime.datetime(1904, 1, 1)
_LAST_DAY = 2_958_465
# Characters, as Excel has them.
_LONGEST_FORMAT, _LONGEST_CELL = 255, 32_767


def read(archive: Archive, main: str, *, sheet_limit: int, text_limit: int) -> Document:
    """The sheets of a workbook whose first part is `main`. `text_limit` counts characters.

    Formulas count as what they came to when the workbook was saved. Raises UnreadableDocument.
    """
    name = archive.name
    if main.endswith(".bin"):
        raise UnreadableDocument(
            f"{name} cannot be read", cause="It is a binary workbook (.xlsb)", remedy="Save it as .xlsx"
        )
    book = _Book()
    parse(archive.stream(main), book, name)
    by_id = relations(archive, main)
    by_kind = {relation.kind: relation.part for relation in by_id.values()}
    strings, styles = _Strings(text_limit), _Styles()
    for kind, reader in (("sharedStrings", strings), ("styles", styles)):
        if (part := by_kind.get(kind, "")) in archive:
            parse(archive.stream(part), reader, name)
    formats = styles.formats()
    blocks: list[Block] = []
    notices: list[str] = []
    room, cells = text_limit, MOST_CELLS
    for number, sheet in enumerate(book.sheets[:sheet_limit], 1):
        part = by_id[sheet.relation].part if sheet.relation in by_id else ""
        if sheet.hidden or part not in archive:
            continue
        rows = _Sheet(strings.found, formats, book.epoch, room, cells)
        parse(archive.stream(part), rows, name)
        blocks += table_blocks(rows.rows, sheet.name, number)
        room, cells = rows.room, rows.cells
        if rows.full:
            notices.append(f"Of sheet {sheet.name} only the first {counted(len(rows.rows), 'row')} were read")
        if rows.wide:
            notices.append(f"Of sheet {sheet.name} only the first {MOST_COLUMNS} columns were read")
        if room <= 0 or cells <= 0:
            break
    if hidden := sum(sheet.hidden for sheet in book.sheets):
        notices.append(f"{counted(hidden, 'hidden sheet')} left out")
    if not blocks:
        raise without_text(name, f"Its {counted(len(book.sheets), 'sheet')} are empty, or hidden")
    return Document(blocks, len(book.sheets), "; ".join(notices) or None)


@dataclass(frozen=True)
class _Named:
    name: str
    relation: str
    hidden: bool


class _Book:
    def __init__(self) -> None:
        self.sheets: list[_Named] = []
        self.epoch = _EPOCH

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "sheet":
            hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append(_Named(attributes.get("name", ""), attributes.get("r:id", ""), hidden))
        elif tag == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            self.epoch = _EPOCH_1904

    def end(self, tag: str) -> None:
        pass

    def text(self, data: str) -> None:
        pass


class _Strings:
    """The texts that cells share. Beyond `room` characters they are empty."""

    def __init__(self, room: int) -> None:
        self.found: list[str] = []
        self._room = room
        self._taking = False
        self._phonetic = False
        self._parts: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "si":
            self._parts = []
        elif tag == "rPh":
            self._phonetic = True
        self._taking = tag == "t" and not self._phonetic

    def end(self, tag: str) -> None:
        self._taking = False
        if tag == "si":
            self.found.append("".join(self._parts))
        elif tag == "rPh":
            self._phonetic = False

    def text(self, data: str) -> None:
        if self._taking:
            self._room -= len(data)
            if self._room < 0:
                raise Enough
            self._parts.append(data)


class _Styles:
    """How the numbers of each cell style are shown: "date", "percent" or ""."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._used: list[int] = []
        self._cells = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "numFmt":
            self._codes[_number(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
        elif tag == "cellXfs":
            self._cells = True
        elif tag == "xf" and self._cells:
            self._used.append(_number(attributes.get("numFmtId")))

    def end(self, tag: str) -> None:
        if tag == "cellXfs":
            self._cells = False

    def text(self, data: str) -> None:
        pass

    def formats(self) -> list[str]:
        return [self._format(id) for id in self._used]

    def _format(self, id: int) -> str:
        code = _QUOTED.sub("", self._codes.get(id, "")[:_LONGEST_FORMAT]).lower()
        if id in _DATES or re.search(r"[ymdhs]", code.replace("general", "")):
            return "date"
        return "percent" if id in _PERCENTS or "%" in code else ""


class _Sheet:
    """The rows of one sheet, of which `room` characters and `cells` cells may be taken."""

    def __init__(
        self, strings: list[str], formats: list[str], epoch: datetime.datetime, room: int, cells: int
    ) -> None:
        self.rows: list[Row] = []
        self.room = room
        self.cells = cells
        self.full = False
        self.wide = False
        self._strings = strings
        self._formats = formats
        self._epoch = epoch
        self._row: list[str] = []
        self._column = 0
        self._kind = self._format = self._value = self._formula = ""
        self._taking = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "row":
            self._row, self._column = [], 0
        elif tag == "c":
            place = _CELL.fullmatch(attributes.get("r", ""))
            self._column = _column(place[1]) if place else self._column + 1
            self._kind = attributes.get("t", "n")
            style = _number(attributes.get("s"))
            self._format = self._formats[style] if 0 <= style < len(self._formats) else ""
            self._value = self._formula = ""
        elif tag in ("v", "t", "f"):
            self._taking = tag

    def end(self, tag: str) -> None:
        self._taking = ""
        if tag == "c":
            self._cell()
        elif tag == "row":
            if self._row:
                self.rows.append(Row(self._row))
                self._row = []
            if len(self.rows) >= MOST_ROWS or self.cells <= 0 or self.room <= 0:
                self.full = True
                raise Enough

    def text(self, data: str) -> None:
        if self._taking == "f":
            self._formula = (self._formula + data)[:_LONGEST_CELL]
        elif self._taking and len(self._value) < _LONGEST_CELL:
            self._value = (self._value + data)[:_LONGEST_CELL]

    def _cell(self) -> None:
        value = self._shown()
        self.cells -= 1
        if not value:
            return
        if self._column > MOST_COLUMNS:
            self.wide = True
            return
        self._row += [""] * (self._column - 1 - len(self._row))
        self._row.append(value)
        self.room -= len(value)

    def _shown(self) -> str:
        """The cell as a person sees it."""
        value = self._value
        if not value:
            return f"={self._formula}" if self._formula else ""
        if self._kind == "s":
            at = _number(value)
            return self._strings[at] if 0 <= at < len(self._strings) else ""
        if self._kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if self._kind != "n":
            return value
        try:
            number = float(value)
        except ValueError:
            return value
        if self._format == "date" and 0 <= number <= _LAST_DAY:
            return _date(self._epoch, number)
        return f"{number * 100:.6g}%" if self._format == "percent" else f"{number:.15g}"


def _date(epoch: datetime.datetime, days: float) -> str:
    """A day, a time, or both, rounded to seconds."""
    moment = epoch + datetime.timedelta(seconds=round(min(days, _LAST_DAY - 2000) * 86400))
    if days < 1:
        return f"{moment:%H:%M:%S}"
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.time() else f"{moment:%Y-%m-%d %H:%M}"


def _column(letters: str) -> int:
    """The number of a column, from 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1
