"""All collections' indexes, kept up to date with the rows."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from petra.errors import NotFound, PetraError
from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.dense import Sizes
from petra.knowledge.index.entry import Candidates, Vector
from petra.knowledge.index.follow import PORTION, Follower, Static
from petra.knowledge.index.stored import Similarity, as_compared
from petra.knowledge.turns import Turns
from petra.storage import collections
from petra.storage.database import Database
from petra.storage.rows import batches
from petra.telemetry import logger

log = logger("petra.knowledge.index")

T = TypeVar("T")

PATIENCE = 0.1
"""Seconds that a search waits while somebody else changes the index."""
WAIT = 0.25
"""Seconds that writing an index waits for the searches under way, between two pieces of work."""


class Indexes:
    """The indexes below `root`, for the vectors of one model. Nothing here is the truth: delete the
    folder, and the next search brings it back from the rows. `static` makes vectors of another space at
    once, in a thread, for chunks that are not embedded yet: they are held in memory and go when the
    chunk's own vector comes. `sizes` are those of segments; the usual ones suit everybody but tests."""

    def __init__(
        self,
        db: Database,
        root: Path,
        model_id: str,
        similarity: Similarity = "cosine",
        static: Static | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        self._db = db
        self._root = root
        self._similarity = similarity
        self._space = f"{model_id} {similarity}"
        self._static = static
        self._sizes = sizes
        self._follower = Follower(db, model_id, similarity, static)
        self._open: dict[str, CollectionIndex] = {}
        self._locks = Turns()
        self._writing = Turns()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._searches = 0
        self._closing = False

    async def refresh(
        self, collection_id: str, *, settle: bool = False, embedded: Collection[str] | None = None
    ) -> int:
        """Bring a collection's index to its revision and return that. Vectors that have come for older
        chunks are taken up: those `embedded`, by the hashes of their texts, or without that all there are.
        `settle` says that a job has ended, a good moment to write the index to disk. Raises NotFound."""
        index = await self._whole(self._current(collection_id, embedded))
        if settle:
            await self._whole(self._settle(collection_id, index, soon=True))
        return index.watermark

    async def search(
        self,
        query: str,
        vector: Vector | None,
        collection_ids: Sequence[str],
        limit: int,
        within: Mapping[str, Collection[str]] | None = None,
        revisions: Mapping[str, int] | None = None,
    ) -> Candidates:
        """The best `limit` chunks by meaning and as many by words, over these collections.

        `vector` is the query's, as the model gave it; without one only words and static vectors count.
        `within` gives, by collection, the ids of the documents to which the search is limited. `revisions`
        are those of the collections as the caller has just read them. Collections that are gone are left out.
        """
        found = Candidates()
        rough: Vector | None = None
        if vector is not None:
            vector = as_compared(vector, self._similarity)
        for collection_id in collection_ids:
            index = await self._fresh(collection_id, (revisions or {}).get(collection_id))
            if index is None:
                continue
            if rough is None and self._static and index.has_static:
                rough = (await asyncio.to_thread(self._static, [query]))[0]
            documents = None if within is None else within.get(collection_id, ())
            self._searches += 1
            try:
                some = await asyncio.to_thread(index.search, query, vector, limit, documents, rough)
            finally:
                self._searches -= 1
            found = found.merged(some, limit)
        return found

    async def missing(self, collection_id: str) -> Mapping[int, str]:
        """Chunks that are not embedded with this model, with the hash of their text."""
        index = await self._fresh(collection_id)
        return index.missing if index else {}

    def complete(self, revisions: Mapping[str, int]) -> bool:
        """Whether these collections are at their revisions, every chunk with its vector: until then a search
        may find more the next time, though no row changes."""
        found = [(self._open.get(id), revision) for id, revision in revisions.items()]
        return all(index and index.watermark == at and not index.missing for index, at in found)

    async def forget(self, collection_id: str) -> None:
        """Give up the index of a collection whose rows are gone, and remove its files."""
        await self._whole(self._forget(collection_id))

    async def _forget(self, collection_id: str) -> None:
        async with self._writing.of(collection_id), self._locks.of(collection_id):
            await self._drop(collection_id, self._open.pop(collection_id, None))

    async def _drop(self, collection_id: str, index: CollectionIndex | None) -> None:
        if index:
            await asyncio.to_thread(index.close)
        await asyncio.to_thread(shutil.rmtree, self._root / collection_id, ignore_errors=True)

    async def close(self) -> None:
        """Write what is worth it and give up the working copies."""
        self._closing = True
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for collection_id in list(self._open):
            async with self._locks.of(collection_id):
                index = self._open.pop(collection_id, None)
            if index:
                await self._settle(collection_id, index, soon=True)
                await asyncio.to_thread(index.close)

    async def _fresh(self, collection_id: str, revision: int | None = None) -> CollectionIndex | None:
        """The index, at the collection's revision as of now (which is read where it is not given). Beside a
        job that changes it all the time, a search waits a little for the latest, and then does without."""
        if revision is None:
            async with self._db.read() as conn:
                collection = await collections.get(conn, collection_id)
            if collection is None:
                return None
            revision = collection.revision
        index = self._open.get(collection_id)
        if index and index.watermark == revision:
            return index
        behind = index is not None and self._locks.of(collection_id).locked()
        task = self._task(self._current(collection_id, ()))
        await asyncio.wait({task}, timeout=PATIENCE if behind else None)
        if not task.done():
            return index
        try:
            return task.result()
        except NotFound:
            return None

    async def _current(self, collection_id: str, embedded: Collection[str] | None) -> CollectionIndex:
        """The index, opened if need be, after all changes."""
        async with self._locks.of(collection_id):
            index = self._open.get(collection_id)
            try:
                if index is None:
                    index = CollectionIndex(self._root / collection_id, self._space, self._sizes)
                    await asyncio.to_thread(index.open)
                    await self._follow(collection_id, index, check=True)
                    await self._follower.late(collection_id, index, None)
                    self._open[collection_id] = index
                    await self._static_again(collection_id, index)
                else:
                    await self._follow(collection_id, index)
                    await self._follower.late(collection_id, index, embedded)
            except NotFound:  # it was removed a moment ago, and opening it has made its folder again
                await self._drop(collection_id, self._open.pop(collection_id, index))
                raise
        if index.unsettled and not self._writing.of(collection_id).locked():
            self._task(self._settle(collection_id, index, soon=False))
        return index

    async def _follow(self, collection_id: str, index: CollectionIndex, *, check: bool = False) -> None:
        try:
            if not await self._follower.follow(collection_id, index, check=check):
                # The rows are not those it was made from: a database that was restored, for example.
                await asyncio.to_thread(index.reset)
                await self._follower.follow(collection_id, index)
        except (OSError, ValueError) as error:
            # tantivy gives a full or failing disk as ValueError. Memory will do until the next start.
            log.warning("index_in_memory", collection=collection_id, error=type(error).__name__)
            await asyncio.to_thread(index.reset, in_memory=True)
            await self._follower.follow(collection_id, index)

    async def _static_again(self, collection_id: str, index: CollectionIndex) -> None:
        """After a start: the static vectors of what is not embedded, the first of them at once."""
        if self._static is None:
            return
        portions = list(batches(await asyncio.to_thread(index.without_any), PORTION))
        if portions:
            await self._follower.make_static(index, portions[0])
            self._task(self._static_rest(collection_id, index, portions[1:]))

    async def _static_rest(
        self, collection_id: str, index: CollectionIndex, portions: Sequence[Sequence[int]]
    ) -> None:
        for some in portions:
            if self._closing:
                return
            async with self._locks.of(collection_id):
                await self._follower.make_static(index, some)

    async def _settle(self, collection_id: str, index: CollectionIndex, *, soon: bool) -> None:
        """Write the index, while it is searched and changed."""
        async with self._writing.of(collection_id):
            async with self._locks.of(collection_id):
                draft = await asyncio.to_thread(index.draft, soon=soon)
            if draft is None:
                return
            written = await asyncio.to_thread(index.write, draft, self._breathe)
            if written:
                async with self._locks.of(collection_id):
                    await asyncio.to_thread(index.adopt, draft, written)

    def _breathe(self) -> None:
        """In the thread that writes: let people go first."""
        until = time.monotonic() + WAIT
        while self._searches and time.monotonic() < until:
            time.sleep(0.005)

    async def _whole(self, work: Coroutine[None, None, T]) -> T:
        """Wait for work that goes on when whoever waits is cancelled: a thread that changes an index
        cannot be stopped, and the lock has to outlast it."""
        return await asyncio.shield(self._task(work))

    def _task(self, work: Coroutine[None, None, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[T]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, PetraError):
            log.warning("index_task_failed", error=type(error).__name__)
