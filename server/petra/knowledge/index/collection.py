"""One collection's index: a settled generation on disk, and a small head in memory that follows it.

Reading takes the current state and needs no lock; whoever changes it swaps the state. Blocking: for
threads, one at a time for all but `search`.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from petra.knowledge.index import generation
from petra.knowledge.index.dense import Dense
from petra.knowledge.index.entry import Candidates, Entry, Scored, Vector, best
from petra.knowledge.index.lexical import Lexical
from petra.telemetry import logger

log = logger("petra.knowledge.index")

SMALL_HEAD = 1000


@dataclass(frozen=True)
class _State:
    """`missing` maps the chunks that have no vector yet to the hash of their text; `static` holds those
    of them that have a vector of the other space, in its head."""

    watermark: int
    dense: Dense
    missing: Mapping[int, str]
    static: Dense = field(default_factory=Dense.empty)


class CollectionIndex:
    """Holds every chunk up to revision `watermark` of its collection."""

    def __init__(self, folder: Path, model_id: str) -> None:
        self._folder = folder
        self._live = folder / "live"
        self._model_id = model_id
        self._state = _State(0, Dense.empty(), {})
        self._lexical = Lexical(None)
        self._kept_lexical = False

    @property
    def watermark(self) -> int:
        """The revision it has come to."""
        return self._state.watermark

    def chunk_ids(self) -> list[int]:
        """All chunks in it, embedded or not, ascending. Empty when its two halves do not agree."""
        ids = sorted([*self._state.dense.chunk_ids(), *self._state.missing])
        return ids if len(ids) == self._lexical.count else []

    @property
    def missing(self) -> Mapping[int, str]:
        """Chunks that can be found by their words only, with the hash of the text to embed."""
        return self._state.missing

    @property
    def without_any(self) -> list[int]:
        """Chunks that are `missing` and have no static vector either."""
        state = self._state
        return sorted(state.missing.keys() - set(state.static.chunk_ids()))

    @property
    def has_static(self) -> bool:
        """Whether a search needs the query's static vector."""
        return len(self._state.static.head_rows) > 0

    def open(self) -> None:
        """Take up the newest whole generation, or begin at revision 0."""
        found = generation.read(self._folder, self._model_id)
        try:
            self._lexical = self._open_lexical(found)
        except (OSError, ValueError) as error:
            log.warning("index_unreadable", folder=self._folder.name, error=type(error).__name__)
            found = None
            self._lexical = self._open_lexical(None)
        if found is None:
            log.info("index_from_rows", collection=self._folder.name)
            self._state = _State(0, Dense.empty(), {})
        else:
            self._state = _State(found.watermark, found.dense, found.missing)

    def reset(self, *, in_memory: bool = False) -> None:
        """Forget everything: the next `apply` brings all rows. `in_memory` leaves the disk alone."""
        self._kept_lexical = not in_memory
        self._lexical = Lexical(None) if in_memory else self._open_lexical(None)
        self._state = _State(0, Dense.empty(), {})

    def apply(self, added: Sequence[Entry], removed: Collection[int], watermark: int) -> None:
        """Come to revision `watermark`. A chunk that was `missing` may be added again with its vector.

        Applying the same change again changes nothing.
        """
        if added or removed:
            self._lexical.apply(added, removed)
        changed = {entry.chunk_id for entry in added}.union(removed)
        missing = {id: text_hash for id, text_hash in self._state.missing.items() if id not in changed}
        missing |= {entry.chunk_id: entry.text_hash for entry in added if entry.vector is None}
        self._state = _State(
            watermark,
            self._state.dense.changed(added, removed),
            missing,
            self._state.static.changed(
                [replace(entry, vector=entry.static) for entry in added if entry.vector is None],
                [*removed, *(entry.chunk_id for entry in added if entry.vector is not None)],
            ),
        )

    def add_static(self, entries: Sequence[Entry]) -> None:
        """Give chunks that are missing a vector their static one, and change nothing else."""
        state = self._state
        wanted = [replace(e, vector=e.static) for e in entries if e.chunk_id in state.missing]
        self._state = replace(state, static=state.static.changed(wanted, ()))

    def settle(self, *, soon: bool) -> None:
        """Write a generation, when what has changed since the last one is worth it; `soon` makes it
        worth it for less (a job has ended)."""
        dense = self._state.dense
        least = len(dense.rows) // 20 if soon else max(SMALL_HEAD, len(dense.rows) // 4)
        if dense.changes <= least or not self._kept_lexical:
            return
        try:
            settled = dense.settled()
            generation.write(
                self._folder,
                watermark=self._state.watermark,
                model_id=self._model_id,
                dense=settled,
                missing=self._state.missing,
                lexical=self._live,
            )
        except OSError as error:
            # A full disk costs the next start some seconds, nothing else.
            log.warning("index_not_written", collection=self._folder.name, error=error.strerror)
            return
        self._state = replace(self._state, dense=settled)

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
        words = self._lexical.search(query, limit, documents)
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

    def _open_lexical(self, found: generation.Generation | None) -> Lexical:
        """A working copy of the generation's lexical index; in memory where the disk refuses it."""
        self._kept_lexical = True
        try:
            generation.copy_lexical(found, self._live)
            return Lexical(self._live)
        except OSError:
            if found:
                raise
            self._kept_lexical = False
            return Lexical(None)


def _ids(scored: Scored) -> set[int]:
    return {id for id, _ in scored}
