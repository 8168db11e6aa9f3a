"""The order after a second look at the first passages. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from petra.knowledge.ranking.candidate import Ranked

SHARE = 0.25
"""What the second look counts against the first."""


def reordered(ranked: Sequence[Ranked], scores: Sequence[float]) -> list[Ranked]:
    """`ranked` with its first `len(scores)` passages in an order that both looks make; the others stay
    below. Each look is told from 0 to 1 over these passages: the two have no common scale."""
    looked = list(ranked[: len(scores)])
    if len(looked) < 2:
        return list(ranked)
    low, high = min(scores), max(scores)
    first = [item.score for item in looked]
    for item, score in zip(looked, scores, strict=True):
        again = (score - low) / (high - low) if high > low else 0.5
        before = (item.score - first[-1]) / (first[0] - first[-1]) if first[0] > first[-1] else 0.5
        mixed = SHARE * again + (1 - SHARE) * before
        item.why["second look"] = score
        # Between the scores that these passages had, so that all stay in one order.
        item.score = first[-1] + mixed * (first[0] - first[-1])
    return [*sorted(looked, key=lambda item: -item.score), *ranked[len(scores) :]]
