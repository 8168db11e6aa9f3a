"""One collection's index: a settled generation on disk, and what has changed since in memory.

Reading takes the current state and needs no lock; whoever changes it swaps the state. Blocking: for
threads, one at a time for all but `search` and `write`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from petra.knowledge.index import generation
from petra.knowledge.index.dense import Dense, Sizes
from petra.knowledge.index.engine import Ints
from petra.knowledge.index.entry import Candidates, Entry, Scored, Vector, best
from petra.knowledge.index.generation import Draft, Generation
from petra.knowledge.index.lexical import Lexical
from petra.knowledge.index.missing import Missing
from petra.telemetry import logger

log = logger("petra.knowledge.index")

MUCH = 4096
"""Changes that may be in memory only before a generation is written."""
FEW_DOCUMENTS, DEEPER = 100, 8
"""A search within more documents looks through so many times as many chunks first."""
AGAIN = 60.0
"""Seconds until a disk that has refused a generation is asked again."""


@dataclass(frozen=True)
class _State:
    """`missing` are the chunks that have no vector yet; `static` holds those of them that have a vector of
    the other space."""

    watermark: int
    dense: Dense
    missing: Missing = field(default_factory=Missing)
    static: Dense = field(default_factory=Dense.empty)


class CollectionIndex:
    """Holds every chunk up to revision `watermark` of its collection."""

    def __init__(self, folder: Path, model_id: str, sizes: Sizes | None = None) -> None:
        self._folder = folder
        self._live = folder / "live"
        self._model_id = model_id
        self._sizes = sizes or Sizes()
        self._state = self._nothing()
        self._lexical = Lexical(None)
        self._kept_lexical = False
        self._generation: Generation | None = None
        self._changes = 0
        self._refused = -AGAIN

    @property
    def watermark(self) -> int:
        """The revision it has come to."""
        return self._state.watermark

    def chunk_ids(self) -> Ints:
        """All chunks in it, embedded or not, ascending. Empty when its two halves do not agree."""
        state = self._state
        ids = np.sort(np.concatenate([state.dense.chunk_ids(), state.missing.chunk_ids]))
        return ids if len(ids) == self._lexical.count else ids[:0]

    @property
    def missing(self) -> Missing:
        """Chunks that have no vector yet, with the hash of the text to embed."""
        return self._state.missing

    def without_any(self) -> list[int]:
        """Chunks that have neither a vector nor a static one."""
        state = self._state
        found: list[int] = np.setdiff1d(state.missing.chunk_ids, state.static.chunk_ids()).tolist()
        return found

    @property
    def has_static(self) -> bool:
        """Whether a search needs the query's static vector."""
        return len(self._state.static) > 0

    @property
    def unsettled(self) -> bool:
        """Whether so much has changed that a generation is to be written though no job has ended."""
        waits = time.monotonic() - self._refused < AGAIN
        return self._kept_lexical and self._unsettled() > MUCH and not waits

    def open(self) -> None:
        """Take up the newest whole generation, or begin at revision 0."""
        found = generation.read(self._folder, self._model_id, self._sizes)
        try:
            self._lexical = self._open_lexical(found)
        except (OSError, ValueError) as error:
            log.warning("index_unreadable", folder=self._folder.name, error=type(error).__name__)
            found = None
            self._lexical = self._open_lexical(None)
        self._generation = found
        if found is None:
            log.info("index_from_rows", collection=self._folder.name)
            self._state = self._nothing()
        else:
            self._state = replace(
                self._nothing(), watermark=found.watermark, dense=found.dense, missing=found.missing
            )

    def reset(self, *, in_memory: bool = False) -> None:
        """Forget everything: the next `apply` brings all rows. `in_memory` leaves the disk alone."""
        self._kept_lexical = not in_memory
        self._lexical = Lexical(None) if in_memory else self._open_lexical(None)
        self._generation = None
        self._changes = 0
        self._state = self._nothing()

    def apply(self, added: Sequence[Entry], removed: Collection[int], watermark: int) -> None:
        """Come to revision `watermark`. A chunk that was `missing` may be added again with its vector.

        Applying the same change again changes nothing.
        """
        if added or removed:
            self._lexical.apply(added, removed)
            self._changes += len(added) + len(removed)
        state = self._state
        embedded = [entry.chunk_id for entry in added if entry.vector is not None]
        rough = [replace(e, vector=e.static) for e in added if e.vector is None and e.static is not None]
        self._state = _State(
            watermark,
            state.dense.changed(added, removed),
            state.missing.changed(added, removed),
            state.static.changed(rough, [*removed, *embedded]),
        )

    def arrive(self, vectors: Mapping[str, Vector]) -> None:
        """The vectors of some texts, by hash: what was missing them is found by meaning from now on."""
        state = self._state
        rows = state.missing.having(vectors.keys())
        if not len(rows):
            return
        new = np.array([vectors[bytes(text_hash).decode()] for text_hash in rows["hash"]], np.float16)
        self._state = replace(
            state,
            dense=state.dense.including(rows["chunk"], rows["document"], new),
            missing=state.missing.without(rows["chunk"]),
            static=state.static.without(rows["chunk"]),
        )

    def add_static(self, vectors: Mapping[int, Vector]) -> None:
        """The static vectors of chunks; those that are not missing one any more are left out."""
        state = self._state
        rows = state.missing.rows
        rows = rows[np.isin(rows["chunk"], np.fromiter(vectors, np.int64, len(vectors)))]
        new = np.array([vectors[chunk_id] for chunk_id in rows["chunk"].tolist()], np.float16)
        if len(rows):
            static = state.static.including(rows["chunk"], rows["document"], new)
            self._state = replace(state, static=static)

    def settle(self, *, soon: bool) -> None:
        """Write a generation, when what has changed since the last one is worth it; `soon` makes it
        worth it for less (a job has ended)."""
        draft = self.draft(soon=soon)
        if draft and (written := self.write(draft, lambda: None)):
            self.adopt(draft, written)

    def draft(self, *, soon: bool) -> Draft | None:
        """This moment, when it is worth a generation. Quick: words are linked, vectors never change."""
        state = self._state
        least = min((len(state.dense) + len(state.missing)) // 20, MUCH) if soon else MUCH
        if self._unsettled() <= least or not self._kept_lexical:
            return None
        try:
            temporary = generation.begin(self._folder, self._live)
        except OSError as error:
            self._not_written(error)
            return None
        self._changes = 0
        return Draft(temporary, state.watermark, self._model_id, state.dense, state.missing)

    def write(self, draft: Draft, breathe: Callable[[], None]) -> Generation | None:
        """Write a draft, while others search and change this; None when the disk refuses it. `breathe` is
        called between two pieces of work, and may wait."""
        settled = replace(draft, dense=draft.dense.compacted(breathe))
        try:
            return generation.write(settled, self._generation, breathe)
        except OSError as error:
            # A full disk costs the next start some seconds, nothing else.
            self._not_written(error)
            return None

    def adopt(self, draft: Draft, written: Generation) -> None:
        """Search the generation that was made of `draft`, keeping what has changed meanwhile."""
        self._generation = written
        self._state = replace(self._state, dense=self._state.dense.in_parts(draft.dense, written.dense))

    def search(
        self,
        query: str,
        vector: Vector | None,
        limit: int,
        documents: Collection[str] | None = None,
        static: Vector | None = None,
    ) -> Candidates:
        """The best `limit` chunks by meaning (when there is a vector), as many by the `static` vector of
        the query and as many by words, within `documents` when given."""
        state = self._state
        words = self._words(state, query, limit, documents)
        near = [] if vector is None else state.dense.search(vector, limit, documents)
        rough = [] if static is None else state.static.search(static, limit, documents)
        # All scores of every candidate: what is in one list only is not worth 0 by the others.
        if vector is not None:
            near += state.dense.scores(vector, _ids(words) - _ids(near))
        if static is not None:
            rough += state.static.scores(static, _ids(words) - _ids(rough))
        words += self._lexical.scores(query, (_ids(near) | _ids(rough)) - _ids(words))
        return Candidates(dense=best(near), lexical=best(words), static=best(rough))

    def close(self) -> None:
        """Give up the working copy. The generation stays."""
        self._lexical = Lexical(None)
        shutil.rmtree(self._live, ignore_errors=True)

    def _words(self, state: _State, query: str, limit: int, documents: Collection[str] | None) -> Scored:
        """The best `limit` by words. Within many documents, looking through the best of all is ten times as
        fast as having tantivy look for each of them, and nearly always enough."""
        if documents is None or len(documents) <= FEW_DOCUMENTS:
            return self._lexical.search(query, limit, documents)
        all_of = self._lexical.search(query, DEEPER * limit)
        ids = np.array([id for id, _ in all_of], np.int64)
        of = state.dense.documents_of(ids) | state.missing.documents_of(ids)
        wanted = {name.encode() for name in documents}
        found = [item for item in all_of if of.get(item[0]) in wanted][:limit]
        if len(found) == limit or len(all_of) < DEEPER * limit:
            return found
        return self._lexical.search(query, limit, documents)

    def _unsettled(self) -> int:
        return max(self._changes, self._state.dense.unsettled)

    def _nothing(self) -> _State:
        none = Dense.empty(self._sizes)
        return _State(0, none, static=none)

    def _not_written(self, error: OSError) -> None:
        self._refused = time.monotonic()
        log.warning("index_not_written", collection=self._folder.name, error=error.strerror)

    def _open_lexical(self, found: Generation | None) -> Lexical:
        """A working copy of the generation's lexical index; in memory where the disk refuses it."""
        self._kept_lexical = True
        try:
            generation.copy_lexical(found, self._live)
            return Lexical(self._live)
        except (OSError, ValueError):  # tantivy gives a full disk as ValueError
            if found:
                raise
            self._kept_lexical = False
            return Lexical(None)


def _ids(scored: Scored) -> set[int]:
    return {id for id, _ in scored}
