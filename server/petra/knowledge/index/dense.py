"""The vectors of one collection's chunks: an immutable Faiss index with the chunk of each row, and a
small head beside it. Blocking: for threads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import faiss
import numpy as np

from petra.knowledge.index.entry import Entry, Scored, Vector, best

Rows = np.ndarray[Any, Any]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
ROW = np.dtype([("chunk", "<i8"), ("document", "S32")])


@dataclass(frozen=True)
class Dense:
    """One moment of a collection's vectors. Rows are in the order of the Faiss index, the head after it;
    both ascend by chunk id. `gone` marks rows of the Faiss index whose chunk was deleted."""

    index: Any
    rows: Rows
    gone: Mask
    head: Vector
    head_rows: Rows

    @classmethod
    def empty(cls) -> Dense:
        """No vectors."""
        none = np.zeros(0, ROW)
        return cls(None, none, np.zeros(0, np.bool_), np.zeros((0, 0), np.float32), none)

    def chunk_ids(self) -> list[int]:
        """The chunks that it has a vector of."""
        ids: list[int] = [*self.rows["chunk"][~self.gone].tolist(), *self.head_rows["chunk"].tolist()]
        return ids

    @property
    def changes(self) -> int:
        """How much of it is not in the immutable part as it should be."""
        return int(self.gone.sum()) + len(self.head_rows)

    def changed(self, added: Sequence[Entry], removed: Collection[int]) -> Dense:
        """This with other chunks. Those without a vector are left out, those it has are kept."""
        gone = np.fromiter(removed, np.int64, len(removed))
        keep = ~np.isin(self.head_rows["chunk"], gone)
        head, head_rows = self.head[keep], self.head_rows[keep]
        marked = self.gone | np.isin(self.rows["chunk"], gone)
        known = {*self.rows["chunk"][~marked].tolist(), *head_rows["chunk"].tolist()}
        new = sorted(
            ((e.chunk_id, e.document_id, e.vector) for e in added if e.vector is not None),
            key=lambda item: item[0],
        )
        new = [item for item in new if item[0] not in known]
        if new:
            new_rows = np.array([(id, document.encode()) for id, document, _ in new], ROW)
            vectors = np.stack([vector for _, _, vector in new]).astype(np.float32)
            head = np.concatenate([head, vectors]) if len(head) else vectors
            head_rows = np.concatenate([head_rows, new_rows])
            order = np.argsort(head_rows["chunk"], kind="stable")
            head, head_rows = head[order], head_rows[order]
        return replace(self, gone=marked, head=head, head_rows=head_rows)

    def settled(self) -> Dense:
        """This with an empty head and nothing gone."""
        parts = [self.head]
        if self.index is not None and not self.gone.all():
            parts.insert(0, self.index.reconstruct_n(0, len(self.rows))[~self.gone])
        vectors = np.concatenate([part for part in parts if len(part)] or [self.head])
        rows = np.concatenate([self.rows[~self.gone], self.head_rows])
        order = np.argsort(rows["chunk"], kind="stable")
        empty = Dense.empty()
        if not len(rows):
            return empty
        index = faiss.IndexScalarQuantizer(
            vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        index.add(np.ascontiguousarray(vectors[order]))
        return replace(empty, index=index, rows=rows[order], gone=np.zeros(len(rows), np.bool_))

    def search(self, vector: Vector, limit: int, documents: Collection[str] | None = None) -> Scored:
        """The chunks nearest to `vector` by inner product; within `documents` when given."""
        wanted = None if documents is None else np.array([name.encode() for name in documents], "S32")
        return best(self._in_index(vector, limit, wanted) + self._in_head(vector, limit, wanted), limit)

    def scores(self, vector: Vector, chunk_ids: Collection[int]) -> Scored:
        """The similarity of these chunks, where they have a vector."""
        ids = np.fromiter(chunk_ids, np.int64, len(chunk_ids))
        found: Scored = []
        for rows, alive, at in (
            (self.rows, ~self.gone, lambda row: self.index.reconstruct(int(row))),
            (self.head_rows, np.ones(len(self.head_rows), np.bool_), lambda row: self.head[row]),
        ):
            places = np.searchsorted(rows["chunk"], ids)
            for id, place in zip(ids.tolist(), places.tolist(), strict=True):
                if place < len(rows) and rows["chunk"][place] == id and alive[place]:
                    found.append((id, float(at(place) @ vector)))
        return found

    def _in_index(self, vector: Vector, limit: int, wanted: Any) -> Scored:
        alive = ~self.gone if wanted is None else ~self.gone & np.isin(self.rows["document"], wanted)
        count = min(limit, int(alive.sum()))
        if not count:
            return []
        bits = np.packbits(alive, bitorder="little")
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg,arg-type]
        # The number of threads belongs to the thread that asks; a team for one query only spins.
        faiss.omp_set_num_threads(1)
        scores, places = self.index.search(vector[np.newaxis], count, params=parameters)
        return [
            (int(self.rows["chunk"][place]), float(score))
            for score, place in zip(scores[0], places[0], strict=True)
            if place >= 0
        ]

    def _in_head(self, vector: Vector, limit: int, wanted: Any) -> Scored:
        if not len(self.head_rows):
            return []
        scores = self.head @ vector
        chosen = np.arange(len(scores))
        if wanted is not None:
            chosen = np.flatnonzero(np.isin(self.head_rows["document"], wanted))
        if len(chosen) > limit:
            chosen = chosen[np.argpartition(-scores[chosen], limit - 1)[:limit]]
        return [(int(self.head_rows["chunk"][at]), float(scores[at])) for at in chosen]
