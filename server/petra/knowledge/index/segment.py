"""A segment: vectors that never change, with the chunk and the document of each row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from petra.knowledge.index.clusters import Clusters, clustered
from petra.knowledge.index.engine import Flat, Half, Ints, Mask, flat, products
from petra.knowledge.index.entry import Vector

Names = np.ndarray[Any, np.dtype[np.bytes_]]
NAME = np.dtype("S32")
"""An id of a document."""
FEW = 2048
"""A selection of so many rows is computed by itself."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Row `n` has the vector `codes[n]`, the chunk `chunks[n]` and the document `names[numbers[n]]`. The
    `names` ascend; the chunks do too, unless the rows are in the order of `clusters`. `name` is that of its
    files, "" for one that is in memory only."""

    codes: Half
    chunks: Ints
    numbers: np.ndarray[Any, np.dtype[np.int32]]
    names: Names
    clusters: Clusters | None = None
    name: str = ""
    flat: Flat = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make it searchable."""
        object.__setattr__(self, "flat", flat(self.codes))

    @classmethod
    def of(cls, codes: Half, chunks: Ints, documents: Names) -> Segment:
        """One in memory, of rows whose chunks ascend."""
        names, numbers = np.unique(documents, return_inverse=True)
        return cls(np.ascontiguousarray(codes), chunks, numbers.astype(np.int32), names)

    def by_cluster(self, breathe: Callable[[], None]) -> Segment:
        """The same rows in the order of clusters."""
        order, clusters = clustered(self.codes, breathe)
        return replace(
            self,
            codes=self.codes[order],
            chunks=self.chunks[order],
            numbers=self.numbers[order],
            clusters=clusters,
            name="",
        )

    def __len__(self) -> int:
        return len(self.chunks)

    @cached_property
    def _order(self) -> Ints | None:
        return None if self.clusters is None else np.argsort(self.chunks)

    def find(self, ids: Ints) -> Ints:
        """The rows of those chunks that are in it, in the order of `ids`."""
        if not len(self):
            return np.zeros(0, np.int64)
        places = np.searchsorted(self.chunks, ids, sorter=self._order)
        places = np.minimum(places, len(self) - 1)
        rows = places if self._order is None else self._order[places]
        found: Ints = rows[self.chunks[rows] == ids]
        return found

    def of_documents(self, wanted: Names) -> Mask:
        """The rows of these documents."""
        places = np.minimum(np.searchsorted(self.names, wanted), len(self.names) - 1)
        flags = np.zeros(len(self.names), np.bool_)
        flags[places[self.names[places] == wanted]] = True
        chosen: Mask = flags[self.numbers]
        return chosen

    def search(self, vector: Vector, limit: int, gone: Mask | None, wanted: Names | None) -> Hits:
        """The `limit` nearest that are not `gone`, within the documents `wanted` when given. The clusters
        are asked when there is no such limit; with one the search is exact."""
        chosen = None if gone is None else ~gone
        if wanted is not None:
            within = self.of_documents(wanted)
            chosen = within if chosen is None else within & chosen
        elif self.clusters is not None:
            probed = self.clusters.probed(vector)
            chosen = probed if chosen is None else probed & chosen
        count = len(self) if chosen is None else int(np.count_nonzero(chosen))
        if chosen is not None and count <= FEW:
            rows = np.flatnonzero(chosen)
            return Hits(self.chunks[rows], products(self.codes[rows], vector)).best(limit)
        scores, rows = self.flat.search(vector, min(limit, count), chosen)
        return Hits(self.chunks[rows], scores)

    def documents(self) -> Names:
        """The document of each row."""
        found: Names = self.names[self.numbers]
        return found


@dataclass(frozen=True)
class Hits:
    """Chunks and their scores, in no order."""

    chunks: Ints
    scores: Vector

    def best(self, limit: int) -> Hits:
        """The `limit` highest."""
        if len(self.scores) <= limit:
            return self
        places = np.argpartition(-self.scores, limit - 1)[:limit]
        return Hits(self.chunks[places], self.scores[places])

    @classmethod
    def together(cls, some: list[Hits]) -> Hits:
        """All of them."""
        if not some:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.float32))
        return cls(
            np.concatenate([hits.chunks for hits in some]), np.concatenate([hits.scores for hits in some])
        )
