"""Passages that say nearly the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

ALIKE = 0.9
"""Which part of the words of two passages has to be in both."""
FEWEST = 8
"""Words below which two passages are only the same when they are equal."""


def distinct(ranked: Iterable[tuple[T, str]]) -> list[T]:
    """The items whose text is nearly in none before them, in order."""
    kept: list[T] = []
    seen: list[frozenset[str]] = []
    texts: set[str] = set()
    for item, text in ranked:
        words = frozenset(text.split())
        if text in texts or any(alike(words, other) for other in seen):
            continue
        texts.add(text)
        seen.append(words)
        kept.append(item)
    return kept


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two passages have nearly the same words (Jaccard)."""
    small, large = sorted((len(one), len(other)))
    if small < FEWEST or small < ALIKE * large:
        return False
    both = len(one & other)
    return both >= ALIKE * (small + large - both)
