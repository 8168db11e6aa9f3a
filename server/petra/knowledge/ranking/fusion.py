"""From lists by meaning and by words to one. Pure.

Both scores of a candidate are told as standard deviations from the mean of all candidates, and added with
weights. That keeps how far ahead the first one is, which reciprocal ranks lose, and unlike min-max it does
not hang on the worst candidate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

Scored = Sequence[tuple[int, float]]


def standard(scores: Mapping[int, float]) -> dict[int, float]:
    """Each score as standard deviations from the mean."""
    if not scores:
        return {}
    mean = sum(scores.values()) / len(scores)
    spread = sqrt(sum((score - mean) ** 2 for score in scores.values()) / len(scores))
    return {id: (score - mean) / spread if spread > 1e-9 else 0.0 for id, score in scores.items()}


def by_words(ids: Iterable[int], lexical: Scored) -> dict[int, float]:
    """Every candidate by its words; one without a word of the query has the score 0."""
    scores = dict(lexical)
    return standard({id: scores.get(id, 0.0) for id in ids}) if scores else {}


def by_meaning(ids: Iterable[int], dense: Scored, static: Scored) -> dict[int, float]:
    """Every candidate by its meaning: in the space of the model or, while it is not embedded, in that of
    the static vectors. The two are never compared, each is told by its own mean. One in neither counts as
    the least similar."""
    near = standard(dict(dense))
    found = standard(dict(static)) | near
    if not found:
        return {}
    least = min(found.values())
    return {id: found.get(id, least) for id in ids}


def fused(
    ids: Sequence[int], meaning: Mapping[int, float], words: Mapping[int, float], share: float
) -> dict[int, float]:
    """From 0 for the last to 1 for the first; `share` is the weight of meaning against words. When nothing
    is known of one, the other decides alone."""
    if not meaning:
        share = 0.0
    elif not words:
        share = 1.0
    scores = {id: share * meaning.get(id, 0.0) + (1 - share) * words.get(id, 0.0) for id in ids}
    low, high = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
    return {id: (score - low) / (high - low) if high > low else 1.0 for id, score in scores.items()}
