"""One space of vectors: immutable segments and a small head in memory. Blocking: for threads.

Large collections are several segments, each searched by one thread.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from petra.knowledge.index.engine import Half, Ints, Mask, products
from petra.knowledge.index.entry import Entry, Scored, Vector, best
from petra.knowledge.index.segment import NAME, Hits, Names, Segment

MANY = 32_768
"""Rows from which on it pays to ask the segments side by side."""


@dataclass(frozen=True)
class Sizes:
    """Rows of the largest segment and of the largest head, and from how many vectors on a search looks at
    some clusters only. A fixed number of threads shares the segments, so a segment is a shard."""

    segment: int = 65_536
    head: int = 2_048
    clustered: int = 65_536


@dataclass(frozen=True, eq=False)
class Part:
    """A segment, and which of its rows have `gone` (None while there are none)."""

    segment: Segment
    gone: Mask | None = None

    def __len__(self) -> int:
        dead = 0 if self.gone is None else int(np.count_nonzero(self.gone))
        return len(self.segment) - dead

    @property
    def alive(self) -> Mask:
        """Its rows that have not gone."""
        return np.ones(len(self.segment), np.bool_) if self.gone is None else ~self.gone

    def without(self, ids: Ints) -> Part:
        """This with these chunks gone."""
        rows = self.segment.find(ids)
        if not len(rows):
            return self
        gone = np.zeros(len(self.segment), np.bool_) if self.gone is None else self.gone.copy()
        gone[rows] = True
        return replace(self, gone=gone)


@dataclass(frozen=True, eq=False)
class Dense:
    """One moment of a collection's vectors. The head's rows ascend by chunk."""

    parts: tuple[Part, ...]
    head: Half
    head_chunks: Ints
    head_documents: Names
    sizes: Sizes = field(default_factory=Sizes)

    @classmethod
    def empty(cls, sizes: Sizes | None = None) -> Dense:
        """No vectors."""
        none = np.zeros((0, 0), np.float16)
        return cls((), none, np.zeros(0, np.int64), np.zeros(0, NAME), sizes or Sizes())

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts) + len(self.head_chunks)

    def chunk_ids(self) -> Ints:
        """The chunks that it has a vector of, ascending."""
        alive = [part.segment.chunks[part.alive] for part in self.parts]
        return np.sort(np.concatenate([*alive, self.head_chunks]))

    @property
    def unsettled(self) -> int:
        """How much of it is not on disk as it should be."""
        return len(self.head_chunks) + sum(
            len(part.segment) - len(part) if part.segment.name else len(part) for part in self.parts
        )

    def with_parts(self, parts: tuple[Part, ...]) -> Dense:
        """Those parts and no head."""
        return replace(Dense.empty(self.sizes), parts=parts)

    def changed(self, added: Sequence[Entry], removed: Collection[int]) -> Dense:
        """This with other chunks. Those without a vector are left out, those it has are kept."""
        gone = np.fromiter(removed, np.int64, len(removed))
        new = [entry for entry in added if entry.vector is not None]
        chunks = np.array([entry.chunk_id for entry in new], np.int64)
        documents = np.array([entry.document_id.encode() for entry in new], NAME)
        rows = np.array([entry.vector for entry in new], np.float16)
        return self.without(gone).including(chunks, documents, rows)

    def including(self, chunks: Ints, documents: Names, rows: Half) -> Dense:
        """This with more chunks, of which those that it has are kept as they are."""
        new = ~np.isin(chunks, self._known(chunks))
        if not new.any():
            return self
        chunks, documents, rows = chunks[new], documents[new], rows[new]
        chunks, first = np.unique(np.concatenate([self.head_chunks, chunks]), return_index=True)
        documents = np.concatenate([self.head_documents, documents])[first]
        rows = (np.concatenate([self.head, rows]) if len(self.head) else rows)[first]
        made = replace(self, head=rows, head_chunks=chunks, head_documents=documents)
        return made._folded() if len(chunks) > self.sizes.head else made

    def without(self, gone: Ints) -> Dense:
        """This without these chunks."""
        if not len(gone):
            return self
        keep = ~np.isin(self.head_chunks, gone)
        parts = (_tight(part.without(gone)) for part in self.parts)
        return replace(
            self,
            parts=tuple(part for part in parts if len(part)),
            head=self.head[keep],
            head_chunks=self.head_chunks[keep],
            head_documents=self.head_documents[keep],
        )

    def search(self, vector: Vector, limit: int, documents: Collection[str] | None = None) -> Scored:
        """The chunks nearest to `vector` by inner product; within `documents` when given."""
        wanted = None if documents is None else np.array([name.encode() for name in documents], NAME)

        def ask(part: Part) -> Hits:
            return part.segment.search(vector, limit, part.gone, wanted)

        if len(self.parts) > 1 and len(self) > MANY:
            found = list(_pool().map(ask, self.parts))
        else:
            found = [ask(part) for part in self.parts]
        return _scored(Hits.together([*found, self._in_head(vector, wanted)]).best(limit))

    def scores(self, vector: Vector, chunk_ids: Collection[int]) -> Scored:
        """The similarity of these chunks, where they have a vector."""
        ids = np.fromiter(chunk_ids, np.int64, len(chunk_ids))
        found = []
        for part in self.parts:
            rows = part.segment.find(ids)
            rows = rows if part.gone is None else rows[~part.gone[rows]]
            found.append(Hits(part.segment.chunks[rows], products(part.segment.codes[rows], vector)))
        rows = np.flatnonzero(np.isin(self.head_chunks, ids))
        if len(rows):
            found.append(Hits(self.head_chunks[rows], products(self.head[rows], vector)))
        return _scored(Hits.together(found))

    def documents_of(self, ids: Ints) -> dict[int, bytes]:
        """The documents of these chunks, of those that have a vector."""
        found: dict[int, bytes] = {}
        for part in self.parts:
            rows = part.segment.find(ids)
            names = part.segment.names[part.segment.numbers[rows]]
            found |= zip(part.segment.chunks[rows].tolist(), names.tolist(), strict=True)
        rows = np.flatnonzero(np.isin(self.head_chunks, ids))
        found |= zip(self.head_chunks[rows].tolist(), self.head_documents[rows].tolist(), strict=True)
        return found

    def compacted(self, breathe: Callable[[], None]) -> Dense:
        """This with an empty head, hardly anything gone and few segments. Large ones that are mostly alive
        stay as they are, so that a change of a large collection costs as much as one of a small."""
        large = len(self) > self.sizes.clustered
        stay = [part for part in self.parts if self._stays(part, large)]
        rest = [part for part in self.parts if part not in stay]
        if len(rest) == 1 and rest[0].gone is None and not len(self.head_chunks) and not large:
            return self
        made = []
        for segment in _cut(rest, self.head, self.head_chunks, self.head_documents, self.sizes.segment):
            breathe()
            clusters = large and len(segment) > self.sizes.segment // 2
            made.append(Part(segment.by_cluster(breathe) if clusters else segment))
        return self.with_parts((*stay, *made))

    def in_parts(self, before: Dense, settled: Dense) -> Dense:
        """This with the parts of `settled`, which holds what `before` held, an earlier moment of this; what
        has changed since then is kept."""
        alive, covered = self.chunk_ids(), settled.chunk_ids()
        old = {id(part.segment) for part in before.parts}
        parts = [Part(part.segment, _none(~np.isin(part.segment.chunks, alive))) for part in settled.parts]
        parts += [part.without(covered) for part in self.parts if id(part.segment) not in old]
        keep = ~np.isin(self.head_chunks, covered)
        return replace(
            self,
            parts=tuple(part for part in parts if len(part)),
            head=self.head[keep],
            head_chunks=self.head_chunks[keep],
            head_documents=self.head_documents[keep],
        )

    def _stays(self, part: Part, large: bool) -> bool:
        whole = len(part) * 5 >= len(part.segment) * 4
        return len(part) > self.sizes.segment // 2 and whole and (part.segment.clusters is not None) == large

    def _known(self, chunks: Ints) -> Ints:
        """Those of `chunks` that are in it."""
        found = [self.head_chunks[np.isin(self.head_chunks, chunks)]]
        for part in self.parts:
            rows = part.segment.find(chunks)
            found.append(part.segment.chunks[rows if part.gone is None else rows[~part.gone[rows]]])
        return np.concatenate(found)

    def _folded(self) -> Dense:
        """This with the head as a segment in memory, together with smaller ones: each is at least twice as
        large as the next, so that there are few and each row is copied a few times."""
        parts, count = list(self.parts), len(self.head_chunks)
        rest: list[Part] = []
        while parts and not parts[-1].segment.name and len(parts[-1]) <= 2 * count:
            if count + len(parts[-1]) > self.sizes.segment:
                break
            rest.append(parts.pop())
            count += len(rest[-1])
        made = _cut(rest, self.head, self.head_chunks, self.head_documents, self.sizes.segment)
        return self.with_parts((*parts, *(Part(segment) for segment in made)))

    def _in_head(self, vector: Vector, wanted: Names | None) -> Hits:
        rows = np.arange(len(self.head_chunks))
        if wanted is not None:
            rows = np.flatnonzero(np.isin(self.head_documents, wanted))
        if not len(rows):
            return Hits(np.zeros(0, np.int64), np.zeros(0, np.float32))
        return Hits(self.head_chunks[rows], products(self.head[rows], vector))


def _cut(parts: Iterable[Part], head: Half, chunks: Ints, documents: Names, most: int) -> list[Segment]:
    """What is alive in `parts`, and a head, as segments of at most `most` rows, alike in size."""
    parts = list(parts)
    chunks = np.concatenate([*(part.segment.chunks[part.alive] for part in parts), chunks])
    if not len(chunks):
        return []
    documents = np.concatenate([*(part.segment.documents()[part.alive] for part in parts), documents])
    rows = [part.segment.codes[part.alive] for part in parts] + ([head] if len(head) else [])
    order = np.argsort(chunks, kind="stable")
    codes = np.concatenate(rows)
    return [
        Segment.of(_copied(codes, some), chunks[some], documents[some])
        for some in np.array_split(order, -(-len(order) // most))
    ]


def _copied(codes: Half, rows: Ints) -> Half:
    """Some rows in memory of their own, which goes back to the system when the segment goes: the heap keeps
    what lies between smaller things, and twice as much as there is."""
    room = mmap.mmap(-1, len(rows) * codes.shape[1] * codes.itemsize)
    copied = np.frombuffer(room, np.float16).reshape(len(rows), codes.shape[1])
    np.take(codes, rows, axis=0, out=copied)
    return copied


def _tight(part: Part) -> Part:
    """One in memory is copied when most of it has gone."""
    if part.segment.name or len(part) * 2 >= len(part.segment):
        return part
    none = Dense.empty()
    made = _cut([part], none.head, none.head_chunks, none.head_documents, len(part.segment))
    return Part(made[0]) if made else part


def _none(gone: Mask) -> Mask | None:
    return gone if gone.any() else None


def _scored(hits: Hits) -> Scored:
    return best(list(zip(hits.chunks.tolist(), hits.scores.tolist(), strict=True)))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(8, os.cpu_count() or 1), "petra-vectors")
