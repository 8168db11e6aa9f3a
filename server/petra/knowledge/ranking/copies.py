"""Passages that say nearly the same. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

ALIKE = 0.9
"""Which part of the words of two passages has to be in both."""
FEWEST = 8
"""Words below which two passages are only the same when they are equal."""
SIGNS = 3
"""Longest words of a passage: of two that are nearly the same, at least one is in both."""


def distinct(ranked: Iterable[tuple[T, str]]) -> list[T]:
    """The items whose text is nearly in none before them, in order."""
    kept: list[T] = []
    texts: set[str] = set()
    with_sign: dict[str, list[frozenset[str]]] = defaultdict(list)
    for item, text in ranked:
        words = frozenset(text.split())
        signs = sorted(words, key=lambda word: (-len(word), word))[:SIGNS]
        if text in texts or any(alike(words, other) for sign in signs for other in with_sign[sign]):
            continue
        texts.add(text)
        for sign in signs:
            with_sign[sign].append(words)
        kept.append(item)
    return kept


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two passages have nearly the same words (Jaccard)."""
    small, large = sorted((len(one), len(other)))
    if small < FEWEST or small < ALIKE * large:
        return False
    both = len(one & other)
    return both >= ALIKE * (small + large - both)
