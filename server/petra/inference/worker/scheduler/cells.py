"""How many cells of a cache are taken, when copies of a prefix share them."""

from __future__ import annotations

from collections.abc import Container
from itertools import count


class Cells:
    """A ledger of sequences. In a `unified` cache a copy takes nothing until it is written to; in a split
    one every sequence has its own cells.

    A sequence is a list of [segment, length]: a segment is what one sequence wrote without interruption,
    and whoever holds part of it holds its beginning. A segment so takes its longest holder's length.
    """

    def __init__(self, *, unified: bool) -> None:
        self._unified = unified
        self._spans: dict[int, list[list[int]]] = {}
        self._writer: dict[int, int] = {}
        self._segments = count()

    def length(self, sequence: int) -> int:
        """Tokens of a sequence."""
        return sum(length for _, length in self._spans.get(sequence, ()))

    def write(self, sequence: int, tokens: int) -> None:
        """A sequence grew."""
        spans = self._spans.setdefault(sequence, [])
        if not spans or self._writer.get(sequence) != spans[-1][0]:
            segment = next(self._segments)
            self._writer[sequence] = segment
            spans.append([segment, 0])
        spans[-1][1] += tokens

    def copy(self, source: int, target: int, length: int) -> None:
        """`target` became the first `length` tokens of `source`."""
        self._spans[target] = [list(span) for span in self._spans.get(source, ())]
        self._writer.pop(target, None)
        self.trim(target, length)

    def trim(self, sequence: int, length: int) -> None:
        """A sequence was cut to its first `length` tokens."""
        kept: list[list[int]] = []
        for segment, size in self._spans.get(sequence, ()):
            if length <= 0:
                break
            kept.append([segment, min(size, length)])
            length -= size
        if length < 0:
            # What comes after a cut is not what others may still hold of this segment.
            self._writer.pop(sequence, None)
        if kept:
            self._spans[sequence] = kept
        else:
            self._spans.pop(sequence, None)

    def used(self, without: Container[int] = ()) -> int:
        """Cells taken by all sequences together, but for those in `without`."""
        kept = [spans for sequence, spans in self._spans.items() if sequence not in without]
        if not self._unified:
            return sum(length for spans in kept for _, length in spans)
        longest: dict[int, int] = {}
        for spans in kept:
            for segment, length in spans:
                longest[segment] = max(longest.get(segment, 0), length)
        return sum(longest.values())
