"""CSV and TSV to blocks: a table whose rows keep their line numbers."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator

from petra.knowledge.blocks import Block
from petra.knowledge.extract.document import Document, counted
from petra.knowledge.extract.tables import MOST_CELLS, MOST_COLUMNS, MOST_ROWS, Row, table_blocks
from petra.knowledge.hygiene import clean, lines_of

_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT = 30
_LONGEST_CELL = 100_000


def read(content: str) -> Document:
    """A file as a table, or as plain text when its lines are no rows."""
    lines = lines_of(content)
    delimiter = _delimiter(lines[:_LOOKED_AT])
    if delimiter is None:
        return Document([Block(text=clean(content), line=1)], None)
    csv.field_size_limit(_LONGEST_CELL)
    rows: list[Row] = []
    cells, wide, cut = 0, False, False
    try:
        for line, found in _rows(lines, delimiter):
            if len(rows) >= MOST_ROWS or cells >= MOST_CELLS:
                cut = True
                break
            wide = wide or len(found) > MOST_COLUMNS
            rows.append(Row(found[:MOST_COLUMNS], line))
            cells += min(len(found), MOST_COLUMNS)
    except csv.Error:
        return Document([Block(text=clean(content), line=1)], None)
    notices = [f"Only the first {counted(len(rows), 'row')} were read"] if cut else []
    notices += [f"Only the first {MOST_COLUMNS} columns were read"] if wide else []
    return Document(table_blocks(rows), None, "; ".join(notices) or None)


def _rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of the line that each begins on; a quoted cell may have lines of its own."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    before = 0
    for cells in reader:
        if any(cells):
            yield before + 1, cells
        before = reader.line_num


def _delimiter(lines: list[str]) -> str | None:
    """What stands between the cells: what gives most of the first rows the same number of them, above one."""
    best, delimiter = 0.0, None
    for mark in _DELIMITERS:
        try:
            some = itertools.islice(_rows(lines, mark), _LOOKED_AT)
            widths = [len(cells) for _, cells in some]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=0)
        share = widths.count(usual) / len(widths) if widths else 0
        if usual > 1 and share >= 0.6 and share + usual / 1000 > best:
            best, delimiter = share + usual / 1000, mark
    return delimiter
