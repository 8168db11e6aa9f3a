"""Citations in an answer file: written as Markdown links to a line, and read again where a person points.
Pure; whether a file is there is not asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lsprotocol import types

from petra.lsp.text import Encoding, units
from petra.messages import Source

_LINK = re.compile(r"\[([^\[\]\n]*)\]\((file:[^()\s]+?)(?:#L(\d+)(?:-L(\d+))?)?\)")
_MARK = re.compile(r"\[(\d{1,3})\](?!\()")
_LISTED = re.compile(r"^(\d{1,3})\. " + _LINK.pattern)


@dataclass(frozen=True)
class Citation:
    """A place in a line of an answer file, in columns of the client's, and what it points at. `lines` are
    first and last, from 1."""

    columns: tuple[int, int]
    uri: str
    lines: tuple[int, int]

    @property
    def target(self) -> str:
        """The URI with its line, as editors write it."""
        return f"{self.uri}#L{self.lines[0]}"

    @property
    def location(self) -> types.Location:
        """Where it leads: to the beginning of its first line."""
        place = types.Position(self.lines[0] - 1, 0)
        return types.Location(self.uri, types.Range(place, place))


def link(source: Source, location: Mapping[str, Any] | None) -> str:
    """A source as a line of the list below an answer."""
    where = (location or {}).get("uri", "")
    name = source.path or source.document
    kind = f"{source.header} ({source.kind})" if source.header else f"({source.kind})"
    if source.lines:
        name = reference(name, source.lines)
    elif source.pages:
        name = f"{name}, {source.unit or 'page'} {source.pages[0]}"
    if where.startswith("file:"):
        return f"{source.n}. {to_lines(name, where, source.lines)} {kind}"
    return f"{source.n}. {name} {kind}"


def reference(path: str, lines: tuple[int, int]) -> str:
    """`path:first-last`."""
    return f"{path}:{lines[0]}" if lines[0] == lines[1] else f"{path}:{lines[0]}-{lines[1]}"


def to_lines(name: str, uri: str, lines: tuple[int, int] | None) -> str:
    """A Markdown link to lines of a file."""
    mark = f"#L{lines[0]}" + (f"-L{lines[1]}" if lines[1] > lines[0] else "") if lines else ""
    shown = name.replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"[{shown}]({uri.replace('(', '%28').replace(')', '%29')}{mark})"


def links(line: str, encoding: Encoding) -> Iterator[Citation]:
    """The links to files in one line."""
    for found in _LINK.finditer(line):
        start, end = (units(line[:at], encoding) for at in found.span())
        yield Citation((start, end), *_place(found, 2))


def marks(line: str, encoding: Encoding) -> Iterator[tuple[int, tuple[int, int]]]:
    """The marks of sources in one line, `[3]` for one: number and columns."""
    for found in _MARK.finditer(line):
        start, end = (units(line[:at], encoding) for at in found.span())
        yield int(found[1]), (start, end)


def listed(line: str) -> tuple[int, str, tuple[int, int]] | None:
    """A line of the list below an answer: number, URI and lines."""
    found = _LISTED.match(line)
    return (int(found[1]), *_place(found, 3)) if found else None


def _place(found: re.Match[str], group: int) -> tuple[str, tuple[int, int]]:
    first = int(found[group + 1] or 1)
    return found[group], (first, int(found[group + 2] or first))
