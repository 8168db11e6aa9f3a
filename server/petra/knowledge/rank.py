"""From two ranked lists to one. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

DENSE_WEIGHT = 0.6
"""Share of meaning against words. Measured with this code, nDCG@10 of SciFact, CoSQA dev, XQuAD en:
0.5 → 0.734, 0.539, 0.982; 0.6 → 0.734, 0.570, 0.982; 0.7 → 0.728, 0.593, 0.978."""


def fuse(dense: Sequence[tuple[int, float]], lexical: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """One ranking of both, best first, with scores from 0 to 1: weighted min-max fusion.

    Both lists are of the same candidates, with the scores that are known. One without a lexical score
    has no word of the query, which is a score of 0; one without a dense score has no vector yet and
    counts as the least similar. When one list is empty, the other decides alone.
    """
    by_meaning, by_words = dict(dense), dict(lexical)
    ids = by_meaning.keys() | by_words.keys()
    share = DENSE_WEIGHT if by_words else 1.0
    if not by_meaning:
        share = 0.0
    least = min(by_meaning.values(), default=0.0)
    near = _scaled({id: by_meaning.get(id, least) for id in ids})
    said = _scaled({id: by_words.get(id, 0.0) for id in ids})
    scores = {id: share * near[id] + (1 - share) * said[id] for id in ids}
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def distinct(ranked: Iterable[tuple[Hashable, T]]) -> list[T]:
    """The items whose key did not occur before: the same passage of two copies is shown once."""
    seen: set[Hashable] = set()
    kept = []
    for key, item in ranked:
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


def _scaled(scores: Mapping[int, float]) -> dict[int, float]:
    """The best becomes 1 and the worst 0; all alike become 1."""
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {id: (score - low) / (high - low) if high > low else 1.0 for id, score in scores.items()}
