"""Rows of a table to blocks. Pure.

A table's column names are the last part of its blocks' header, so that every piece of a long table
repeats them, and each of its rows is a line, so that no row is cut while one fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from petra.knowledge.blocks import Block
from petra.knowledge.hygiene import clean

MOST_ROWS = 20_000
MOST_CELLS = 500_000
MOST_COLUMNS = 256
"""Of one table. What lies beyond is left out, and said."""

WIDEST_NAMES = 120
"""Characters that column names may take in a header; of a wider table each row names its own columns."""

_LOOKED_AT = 20
_SEPARATOR = " | "


@dataclass(frozen=True)
class Row:
    """The cells of one row. `line` is the number of the file's line that it begins on, where there is one."""

    cells: Sequence[str]
    line: int | None = None


def table_blocks(rows: Sequence[Row], header: str = "", page: int | None = None) -> list[Block]:
    """A table, and what stands above its column names, as blocks under the heading path `header`."""
    rows = [Row([_flat(cell) for cell in row.cells], row.line) for row in rows]
    rows = [row for row in rows if any(row.cells)]
    at = _names_at(rows)
    above, names, body = (rows, (), []) if at is None else (rows[:at], rows[at].cells, rows[at + 1 :])
    blocks = []
    if above:
        blocks.append(_block(above, [_line(row.cells) for row in above], header, page))
    if body:
        shown = _line(names)
        if len(shown) <= WIDEST_NAMES:
            header = " › ".join(filter(None, (header, shown.replace("›", ">"))))
            lines = [_line(row.cells) for row in body]
        else:
            lines = [_named(names, row.cells) for row in body]
        blocks.append(_block(body, lines, header, page))
    return blocks


def cells_text(rows: Sequence[Sequence[str]]) -> str:
    """A table inside of another one, as text of its cell."""
    return "; ".join(filter(None, (_line([_flat(cell) for cell in row]) for row in rows)))


def _block(rows: Sequence[Row], lines: Sequence[str], header: str, page: int | None) -> Block:
    """Lines as one block; where rows have line numbers, each stands on its own."""
    first = rows[0].line
    parts = [lines[0]]
    for before, row, line in zip(rows, rows[1:], lines[1:], strict=False):
        parts.append("\n" * ((row.line or 0) - (before.line or 0) if first is not None else 1) + line)
    return Block(text="".join(parts), header=header, kind="table", page=page, line=first)


def _names_at(rows: Sequence[Row]) -> int | None:
    """Which row has the column names: the first that is nearly as wide as the table and has no number;
    None when there is none, or nothing below it."""
    widths = [sum(map(bool, row.cells)) for row in rows[:_LOOKED_AT]]
    wide = max(widths, default=0) * 0.6
    for at, row in enumerate(rows[: min(_LOOKED_AT, len(rows) - 1)]):
        if widths[at] >= max(wide, 2):
            return None if any(map(_is_number, row.cells)) else at
    return None


def _is_number(cell: str) -> bool:
    return cell[:1] in "-+.0123456789" and bool(cell) and not any(map(str.isalpha, cell))


def _flat(cell: str) -> str:
    return " ".join(clean(cell).split())


def _line(cells: Sequence[str]) -> str:
    return _SEPARATOR.join(cells).rstrip(" |")


def _named(names: Sequence[str], cells: Sequence[str]) -> str:
    padded = [*names, *([""] * (len(cells) - len(names)))]
    return "; ".join(
        f"{name}: {cell}" if name else cell for name, cell in zip(padded, cells, strict=False) if cell
    )
