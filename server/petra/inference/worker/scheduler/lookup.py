"""Guessing the next tokens from what was read: answers quote their passages.

Prompt-lookup decoding (A. Saxena, 2023): when the last tokens have occurred before, what came after them
then is proposed, and one step checks all of it. Whoever draws the tokens notices no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

# Measured with SmolLM2-135M on questions of a course: shorter matches are right too seldom.
MATCH = 3
# Tokens proposed at first, after one guess that was right to its end, and after more. Who quotes goes on
# quoting, and kernels multiply four or eight rows at a time. Always two was 3 to 6 % slower, always seven
# costs those who do not quote (docs/performance.md).
PROPOSED = (2, 3, 7)
MOST = PROPOSED[-1]


class Lookup:
    """Where each run of MATCH tokens was last seen in a growing sequence."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, ...], int] = {}
        self._length = MATCH
        self._guess: list[int] = []
        self._guessed_at = 0
        self._right = 0

    def propose(self, tokens: Sequence[int]) -> list[int]:
        """At most MOST tokens that may come next; `tokens` is what it was the last time, or longer."""
        for end in range(self._length, len(tokens)):
            self._seen[tuple(tokens[end - MATCH : end])] = end
        self._length = max(self._length, len(tokens))
        if self._guess:
            said = tokens[self._guessed_at : self._guessed_at + len(self._guess)]
            step = 1 if list(said) == self._guess else -1
            self._right = min(max(self._right + step, 0), len(PROPOSED) - 1)
        at = self._seen.get(tuple(tokens[-MATCH:]))
        self._guess = list(tokens[at : at + PROPOSED[self._right]]) if at is not None else []
        self._guessed_at = len(tokens)
        return list(self._guess)
