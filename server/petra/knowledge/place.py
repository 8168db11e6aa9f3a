"""What kind of place a cursor is at: known from a syntax tree (`syntax.place`), or guessed here. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Zone = Literal["code", "comment", "string"]


@dataclass(frozen=True)
class Place:
    """`opens`: what stands before the cursor opens a block. `announced`: it is a comment."""

    zone: Zone
    opens: bool = False
    announced: bool = False


_OPENER = re.compile(r"(?:\{|\b(?:do|then|begin|else|try|repeat)|^[^#\"']*[^:\s]\s*:|=>|->)$")
_DATA = re.compile(r"(?:[=(\[,:?]|\breturn|\bin|\bimport|\bexport)\s*\{$")
_CONTINUED = (",", "(", "[", "\\", "+", "|", "&")


def guessed(before: str, mark: str) -> Place:
    """The place behind `before`, going by its last two lines and the language's `mark` of a comment: where
    there is no grammar, or no time for it."""
    line = before.rpartition("\n")[2]
    if mark and line.lstrip().startswith(mark):
        return Place("comment")
    if quoted(line):
        return Place("string")
    last = before.rstrip().rpartition("\n")[2].rstrip()
    if mark and last.lstrip().startswith(mark):
        return Place("code", announced=True)
    deeper = not line.strip() and _width(line) > _width(last) and not last.endswith(_CONTINUED)
    return Place("code", opens=not _DATA.search(last) and bool(deeper or _OPENER.search(last)))


def quoted(line: str) -> bool:
    """Whether a quote is open at the end of a line."""
    quote, escaped = "", False
    for character in line:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'`":
            quote = character
    return bool(quote)


def _width(line: str) -> int:
    return len(line[: len(line) - len(line.lstrip())].expandtabs(4))
