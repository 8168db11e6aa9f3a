"""Split and merge: the rows of a source text to ranges that fit into a chunk each. Pure.

What fits stays whole. What does not is cut where its parts begin, as the syntax tree has them, and the
parts that are still too large again; then neighbours are joined as long as they fit. Rows without a tree,
and the inside of long comments and strings, are cut where blank lines and indents say.
(After Zhang et al., cAST: Enhancing Code Retrieval-Augmented Generation with Structural Chunking via
Abstract Syntax Tree, 2025.)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import pairwise

from petra.knowledge.blocks import Span

Rows = tuple[int, int]
"""First row, and the one after the last."""
Cost = Callable[[int, int], int]
"""Tokens of some rows."""

# How good a place to cut before a row is; smaller is better.
_DEFINITION, _AFTER_BLANK, _STATEMENT, _INSIDE = range(4)


def split(root: Span, lines: Sequence[str], tokens: Cost, cost: Cost, size: int) -> list[Rows]:
    """Ranges of rows that cover `lines` once. `tokens` counts those of rows by themselves, `cost` with the
    header that their chunk would get. Only a single row may cost more than `size`."""
    return _Splitter(places(lines), tokens, cost, size).ranges(0, len(lines), root)


def places(lines: Sequence[str]) -> list[int]:
    """How good a place to cut each row is, going by the look of the text: best an unindented line after
    a blank one, then any line after a blank one, then one that is not deeper than the line before it."""
    found: list[int] = []
    blank, depth = True, 0
    for line in lines:
        body = line.strip()
        indent = len(line) - len(line.lstrip()) if body else 0
        if body[:1] in ("", "}", ")", "]"):
            found.append(_INSIDE)
        elif blank:
            found.append(_AFTER_BLANK if indent else _DEFINITION)
        else:
            found.append(_STATEMENT if indent <= depth else _INSIDE)
        blank = not body
        depth = indent if body else depth
    return found


class _Splitter:
    def __init__(self, places: Sequence[int], tokens: Cost, cost: Cost, size: int) -> None:
        self._places = places
        self._tokens = tokens
        self._cost = cost
        self._size = size

    def ranges(self, first: int, end: int, span: Span) -> list[Rows]:
        """These rows, which `span` and what surrounds it on them make up."""
        if self._cost(first, end) <= self._size:
            return [(first, end)]
        starts = [child.start for child in span.children]
        borders = sorted(
            {child.start for child in span.children if child.opens and first < child.start < end}
        )
        whole: list[Rows] = []
        parts: list[Rows] = []
        for start, stop in pairwise([first, *borders, end]):
            if self._cost(start, stop) <= self._size:
                whole.append((start, stop))
                continue
            parts = self._joined(parts, self._merged(whole))
            whole = []
            inner = span.children[
                bisect_left(starts, start) if start > first else 0 : bisect_left(starts, stop)
            ]
            large = max(inner, key=lambda child: child.end - child.start, default=None)
            if parts and self._small(parts[-1]) and self._places[start] != _DEFINITION:
                # A signature goes with what it opens.
                start = parts.pop()[0]
            within = (
                self.ranges(start, stop, large) if large and large.children else self._packed(start, stop)
            )
            parts = self._joined(parts, within)
        return self._joined(parts, self._merged(whole))

    def _merged(self, parts: Sequence[Rows]) -> list[Rows]:
        """Neighbours together, as many as fit."""
        found: list[Rows] = []
        for start, stop in parts:
            if found and self._cost(found[-1][0], stop) <= self._size:
                found[-1] = (found[-1][0], stop)
            else:
                found.append((start, stop))
        return found

    def _joined(self, before: Sequence[Rows], after: Sequence[Rows]) -> list[Rows]:
        """Two lists of parts of different nodes. Only a small part, as a signature or a last statement, goes
        together with a part of another node, and none with one that begins at the margin after a blank."""
        if before and after and self._places[after[0][0]] != _DEFINITION:
            last, first = before[-1], after[0]
            near = self._small(last) or self._small(first)
            if near and self._cost(last[0], first[1]) <= self._size:
                return [*before[:-1], (last[0], first[1]), *after[1:]]
        return [*before, *after]

    def _small(self, rows: Rows) -> bool:
        return self._tokens(*rows) * 4 <= self._size

    def _packed(self, first: int, end: int) -> list[Rows]:
        """Rows that nothing is known of: each range ends at the best place in its second half."""
        found: list[Rows] = []
        while first < end:
            stop = half = first + 1
            while stop < end and (used := self._cost(first, stop + 1)) <= self._size:
                stop += 1
                if used * 2 <= self._size:
                    half = stop
            if stop < end:
                stop = min(range(stop, half - 1, -1), key=self._places.__getitem__)
            found.append((first, stop))
            first = stop
        return found
