"""Which parts of a restored sequence are missing where layers look back only so far.

llama.cpp saves of such a layer only what the next token looks at. A sequence that was saved and restored
goes on as if nothing had happened, but cut back to an earlier place it would look at what is not there.
"""

from __future__ import annotations


class Holes:
    """Per sequence the positions that are missing, first to last + 1. `window` 0: none ever are."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._missing: dict[int, tuple[int, int]] = {}

    def restore(self, sequence: int, start: int, end: int) -> None:
        """Tokens `start` to `end` came from a saved state."""
        if self._window and start < end - self._window:
            self._missing[sequence] = (start, end - self._window)

    def allow(self, sequence: int, length: int) -> bool:
        """Whether the first `length` tokens can be gone on from."""
        first, last = self._missing.get(sequence, (length, length))
        return length <= first or length - self._window >= last

    def trim(self, sequence: int, length: int) -> None:
        """Only the first `length` tokens are left."""
        if sequence in self._missing and length <= self._missing[sequence][0]:
            del self._missing[sequence]

    def copy(self, source: int, target: int, length: int) -> None:
        """`target` became the first `length` tokens of `source`."""
        self._missing.pop(target, None)
        if source in self._missing:
            self._missing[target] = self._missing[source]
            self.trim(target, length)

    def clear(self, sequence: int) -> None:
        """The sequence is empty."""
        self._missing.pop(sequence, None)
