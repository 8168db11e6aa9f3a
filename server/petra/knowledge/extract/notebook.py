"""Jupyter notebooks to blocks: each cell one, with its number; what code printed, shortened, beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from petra.knowledge.blocks import Block
from petra.knowledge.extract.document import Document, counted, without_text
from petra.knowledge.extract.text import sections, shown
from petra.knowledge.hygiene import clean

MOST_OUTPUT = 2000
"""Characters kept of what one cell printed; logs of a training run say the same again and again."""

MOST_CELLS = 20_000
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def read(content: str, name: str) -> Document | None:
    """The cells of a notebook; None when this is none. Raises UnreadableDocument when it has no text."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    if cells is None:  # before 2015 they were on worksheets
        sheets = [sheet for sheet in _list(notebook.get("worksheets")) if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(cells, list) or "nbformat" not in notebook:
        return None
    blocks: list[Block] = []
    path: list[tuple[int, str]] = []
    for number, cell in enumerate(cells[:MOST_CELLS], 1):
        if isinstance(cell, dict):
            blocks += _cell(cell, number, path)
    if not blocks:
        raise without_text(name, f"Its {counted(len(cells), 'cell')} are empty")
    left_out = f"Only the first {MOST_CELLS:,} of {counted(len(cells), 'cell')} were read"
    return Document(blocks, len(cells), left_out if len(cells) > MOST_CELLS else None)


def _cell(cell: dict[str, Any], number: int, path: list[tuple[int, str]]) -> Iterator[Block]:
    """The blocks of one cell. `path` holds the headings above it, and takes in its own."""
    text, kind = clean(_text(cell.get("source", cell.get("input")))), cell.get("cell_type")
    if kind == "heading":  # before 2015, a cell of its own
        level = cell.get("level")
        marks = "#" * level if isinstance(level, int) and 1 <= level <= 6 else "#"
        text, kind = f"{marks} {text}", "markdown"
    if text.strip() and kind == "markdown":
        for block in sections(text, path):
            yield Block(text=block.text, header=block.header, page=number)
    elif text.strip():
        yield Block(text=text, header=shown(path), kind="source" if kind == "code" else "prose", page=number)
    if printed := _printed(_list(cell.get("outputs"))):
        yield Block(text=printed, header=shown([*path, (0, "Output")]), page=number)


def _printed(outputs: list[Any]) -> str:
    """The text among the outputs of a cell; pictures and web pages are left out."""
    parts: list[str] = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        data = output.get("data", output)
        text = output.get("text") or (data.get("text/plain") if isinstance(data, dict) else None)
        if output.get("output_type") in ("error", "pyerr"):
            text = f"{output.get('ename')}: {output.get('evalue')}\n"
        parts.append(_text(text))
        if sum(map(len, parts)) > MOST_OUTPUT:
            break
    printed = clean(_ESCAPES.sub("", "".join(parts)[: 4 * MOST_OUTPUT]))
    return printed if len(printed) <= MOST_OUTPUT else f"{printed[:MOST_OUTPUT].rstrip()} …"


def _text(value: object) -> str:
    """Text as notebooks keep it: whole, or as a list of its lines."""
    return (
        value if isinstance(value, str) else "".join(item for item in _list(value) if isinstance(item, str))
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
