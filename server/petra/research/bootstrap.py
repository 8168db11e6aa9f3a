"""Whether one ranker is better than another, or only luckier with these questions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 10_000


@dataclass(frozen=True)
class Difference:
    """The mean of ours − theirs, the 95 % interval of it, and `below`: how probable it is that ours is
    worse on other questions of this kind."""

    mean: float
    low: float
    high: float
    below: float


def paired(ours: Sequence[float], theirs: Sequence[float], *, samples: int = SAMPLES) -> Difference:
    """Paired bootstrap over the questions, each with its value in both; the same input gives the same
    answer. (Efron and Tibshirani, An Introduction to the Bootstrap, 1993.)"""
    differences = np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)
    if not len(differences):
        return Difference(0.0, 0.0, 0.0, 0.0)
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(differences), (samples, len(differences)))
    means = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Difference(
        mean=float(differences.mean()), low=float(low), high=float(high), below=float((means < 0).mean())
    )
