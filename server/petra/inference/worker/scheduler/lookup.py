"""Guessing the next tokens from what was read: answers quote their passages.

Prompt-lookup decoding (A. Saxena, 2023): when the last tokens have occurred before, what came after them
then is proposed, and one step checks all of it. Whoever draws the tokens notices no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

# Measured with SmolLM2-135M: of three tokens proposed after three that match, two in three are right where
# answers quote. Shorter matches are right too seldom; more at a time, or more while guesses are right, write
# no faster (docs/performance.md).
MATCH = 3
PROPOSED = 3


class Lookup:
    """Where each run of MATCH tokens was last seen in a growing sequence."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], int] = {}
        self._length = MATCH

    def propose(self, tokens: Sequence[int]) -> list[int]:
        """At most PROPOSED tokens that may come next; `tokens` is what it was the last time, or longer."""
        for end in range(self._length, len(tokens)):
            self._seen[tuple(tokens[end - MATCH : end])] = end
        self._length = max(self._length, len(tokens))
        at = self._seen.get(tuple(tokens[-MATCH:]))
        return list(tokens[at : at + PROPOSED]) if at is not None else []
