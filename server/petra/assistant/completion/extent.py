"""How much to suggest at a place: nothing, the rest of a line, a block, or the lines that a comment
announces. Pure."""

from __future__ import annotations

from typing import Literal

from petra.assistant.completion.cursor import Cursor, depth, last_written
from petra.knowledge.place import Place

Extent = Literal["line", "block", "paragraph"]

_BEHIND = frozenset(" \t)]}>,;:'\"`")
"""What may stand behind the cursor: editors close what people open."""

TOKENS = {"line": 48, "block": 192, "paragraph": 128}
"""The longest answer for each."""


def extent(cursor: Cursor, place: Place, *, prose: bool) -> Extent | None:
    """What to suggest, None for nothing; in comments and strings only with `prose`."""
    if place.zone != "code" and not prose:
        return None
    if not set(cursor.rest) <= _BEHIND:
        return None
    if not cursor.before.strip():
        return None
    if place.zone == "code" and not cursor.rest.strip():
        if place.opens and _empty_below(cursor):
            return "block"
        if place.announced and not cursor.line.strip():
            return "paragraph"
    return "line"


def _empty_below(cursor: Cursor) -> bool:
    """Whether the block that opens before the cursor has nothing in it yet."""
    below = next((line for line in cursor.after.split("\n")[1:] if line.strip()), "")
    return depth(below) <= depth(last_written(cursor.before))
