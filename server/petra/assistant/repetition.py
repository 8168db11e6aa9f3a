"""Small models fall into saying the same thing for ever; an answer that does is ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

TIMES = 4
"""Repetitions after which nothing new is to be expected; verses and lists repeat a line three times."""

PARAGRAPH = 100
"""Characters of a piece that nobody writes twice in a row on purpose: one repetition is enough."""

SHORTEST = 12
LONGEST = 400

ENDLESS = 60
"""Characters of a repeated piece without words: shorter rows of dashes, zeros or brackets are tables."""

_LIST_NUMBER = re.compile(r"^[ \t]*\d+[.)][ \t]+", re.MULTILINE)


def repeats_itself(text: str) -> bool:
    """Whether `text` ends in the same 12 to 400 characters four times over, or 100 and more twice.

    The numbers of a list do not make its lines different. What is repeated has to hold a word, or be
    long: rows of dashes, zeros or brackets are code and tables.
    """
    text = _LIST_NUMBER.sub("", text)
    for length in _distances(text):
        unit = text[-length:]
        if text.endswith(unit * (2 if length >= PARAGRAPH else TIMES)):
            words = sum(char.isalpha() for char in unit) > length // 2
            if words or length >= ENDLESS:
                return True
    return False


def _distances(text: str) -> Iterator[int]:
    """How far before its end `text` has its last few characters once more: only so long can a piece be that
    it ends in repeatedly."""
    longest = min(LONGEST, len(text) // 2)
    end = len(text) - SHORTEST
    first, last, ending = end - longest, end - SHORTEST, text[-SHORTEST:]
    while last >= max(first, 0):
        last = text.rfind(ending, max(first, 0), last + SHORTEST)
        if last < 0:
            return
        yield end - last
        last -= 1
