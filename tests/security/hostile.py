"""Texts that keep a regular expression busy: what it asks for, again and again, without the end it wants."""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as kind  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

PIECES = (
    *"aA0é-._/\\:=,;([{<>)]}\"'`#*+!|$@~& \t\n",
    "\r\n",
    "a.b",
    "a b",
    "a\n",
)
"""What expressions are about, whatever they are."""
WRONG_END = "\x00"
_REPEATS = (kind.MAX_REPEAT, kind.MIN_REPEAT, kind.POSSESSIVE_REPEAT)


def texts(pattern: re.Pattern[str], size: int) -> Iterator[str]:
    """Texts of about `size` characters: one piece again and again, alone and behind the beginning of what
    fits. Pieces are those above and what the expression is made of."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    whole = _example(tree)
    leads = {*_leads(tree)} - {""}
    often = {*PIECES, *_repeated(tree), whole} - {""}
    alone = {*_literals(tree), *leads, f"{whole} ", f"{whole}\n"} - {""}
    for lead, pieces in (("", often | alone), *((lead, often) for lead in sorted(leads))):
        for piece in sorted(pieces):
            yield lead + piece * (size // len(piece)) + WRONG_END


def _leads(tree: Any) -> Iterator[str]:
    """An example of all that stands before each repeat."""
    before = ""
    for item in tree:
        for part in _parts(item):
            yield from (before + lead for lead in _leads(part))
        if item[0] in _REPEATS:
            yield before
        before += _example([item])


def _repeated(tree: Any) -> Iterator[str]:
    """An example of what each repeat repeats."""
    for item in tree:
        for part in _parts(item):
            yield from _repeated(part)
            if item[0] in _REPEATS:
                yield _example(part)


def _literals(tree: Any) -> Iterator[str]:
    """The words that stand in an expression as they are."""
    run = ""
    for item in tree:
        if item[0] is kind.LITERAL:
            run += chr(item[1])
            continue
        yield run
        run = ""
        for part in _parts(item):
            yield from _literals(part)
    yield run


def _parts(item: Any) -> list[Any]:
    """The expressions that a part of an expression is made of."""
    what, value = item
    if what in _REPEATS:
        return [value[2]]
    if what is kind.BRANCH:
        return list(value[1])
    if what is kind.SUBPATTERN:
        return [value[3]]
    return [value] if what is kind.ATOMIC_GROUP else []


def _example(tree: Any) -> str:
    """A text that an expression fits, but for what it looks at around itself."""
    found = ""
    for what, value in tree:
        if what is kind.LITERAL:
            found += chr(value)
        elif what in (kind.ANY, kind.NOT_LITERAL):
            found += "b"
        elif what is kind.IN:
            found += _of_class(value)
        elif what in _REPEATS:
            found += _example(value[2]) * max(1, min(value[0], 50))
        elif parts := _parts((what, value)):
            found += _example(parts[0])
    return found


def _of_class(items: Any) -> str:
    """A character of a class, its first as a rule."""
    what, value = items[0]
    if what is kind.LITERAL:
        return chr(value)
    if what is kind.RANGE:
        return chr(value[0])
    if what is kind.CATEGORY:
        return {kind.CATEGORY_DIGIT: "0", kind.CATEGORY_SPACE: " ", kind.CATEGORY_WORD: "a"}.get(value, "!")
    excluded = {chr(value) for what, value in items if what is kind.LITERAL}
    return next(character for character in "b0-!" if character not in excluded)
