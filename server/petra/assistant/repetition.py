"""Small models fall into saying the same thing for ever; an answer that does is ended."""

from __future__ import annotations

TIMES = 4
"""Repetitions after which nothing new is to be expected; verses and lists repeat a line three times."""

SHORTEST = 12
LONGEST = 400


def repeats_itself(text: str) -> bool:
    """Whether `text` ends in the same 12 to 400 characters four times over.

    What is repeated has to hold a word: rows of dashes, zeros or brackets are code and tables.
    """
    for length in range(SHORTEST, min(LONGEST, len(text) // TIMES) + 1):
        unit = text[-length:]
        if text.endswith(unit * TIMES) and sum(char.isalpha() for char in unit) > length // 2:
            return True
    return False
