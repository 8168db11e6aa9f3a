"""Rows in the order of their clusters, so that a search looks at some of them only (an inverted file, IVF).

The rows of a cluster lie side by side in the same flat file: a search with clusters is one over a selection
of rows, and everything else (deletions, limits to documents, the fallback to numpy) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from petra.knowledge.index.engine import Half, Ints, Mask
from petra.knowledge.index.entry import Vector

PER_CLUSTER = 256
SAMPLE_PER_CLUSTER = 64
ROUNDS = 8
PROBED = 0.25
"""Share of the clusters that a search looks at (see the recall test, and docs/architecture.md)."""
BITE = 2048
"""Rows computed between two breaths: some 15 ms."""


@dataclass(frozen=True)
class Clusters:
    """`centroids` (k, d), of length 1; cluster `c` has the rows from `starts[c]` to `starts[c + 1]`."""

    centroids: Vector
    starts: Ints

    def probed(self, vector: Vector) -> Mask:
        """The rows to look at for `vector`."""
        near = self.centroids @ vector
        count = max(1, round(len(near) * PROBED))
        chosen = np.zeros(int(self.starts[-1]), np.bool_)
        for cluster in np.argpartition(-near, count - 1)[:count]:
            chosen[self.starts[cluster] : self.starts[cluster + 1]] = True
        return chosen


def clustered(codes: Half, breathe: Callable[[], None]) -> tuple[Ints, Clusters]:
    """The order of the rows by cluster (places in `codes`), and the clusters.

    Spherical k-means on a sample, as Faiss does it; the same rows give the same clusters.
    """
    count = max(1, len(codes) // PER_CLUSTER)
    random = np.random.default_rng(len(codes))
    sample = codes[np.sort(random.permutation(len(codes))[: count * SAMPLE_PER_CLUSTER])]
    centroids = _unit(sample[random.permutation(len(sample))[:count]].astype(np.float32))
    for _ in range(ROUNDS):
        order, starts = _grouped(_nearest(sample, centroids, breathe), count)
        for cluster in range(count):
            rows = order[starts[cluster] : starts[cluster + 1]]
            # One that has lost all its rows begins anew at some row.
            chosen = rows if len(rows) else random.integers(0, len(sample), 1)
            centroids[cluster] = sample[chosen].astype(np.float32).sum(axis=0)
        centroids = _unit(centroids)
    order, starts = _grouped(_nearest(codes, centroids, breathe), count)
    return order, Clusters(centroids, starts)


def _grouped(nearest: Ints, count: int) -> tuple[Ints, Ints]:
    """The rows in the order of their clusters, and where each cluster starts."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(nearest, minlength=count))])
    return np.argsort(nearest, kind="stable"), starts


def _nearest(rows: Half, centroids: Vector, breathe: Callable[[], None]) -> Ints:
    found = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BITE):
        near = rows[start : start + BITE].astype(np.float32) @ centroids.T
        found[start : start + BITE] = near.argmax(axis=1)
        breathe()
    return found


def _unit(rows: Vector) -> Vector:
    made: Vector = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return made
