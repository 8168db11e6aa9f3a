"""The embedder's vectors, filled in behind what is published: nobody's search waits for them.

A job of kind "embed" for each collection goes through what is missing, files that are open or were changed
last first. It lasts as long as something is missing, through restarts and through an embedder that is away.
What a person has just saved does not wait for it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path

from petra.errors import Busy, Cancelled, ModelUnavailable, NotFound, PetraError
from petra.knowledge.blocks import embedded_text
from petra.knowledge.embedding import BATCH, Embedding, Endpoint, Texts, by_length
from petra.knowledge.index import Indexes
from petra.knowledge.space import Space
from petra.storage import chunks, collections, documents, jobs, unembedded, vectors
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.job_runner import JobContext
from petra.storage.rows import batches
from petra.telemetry import logger

log = logger("petra.knowledge.filler")

KIND = "embed"
FEW = 64
"""Texts of a saved file that are embedded at once, by the worker of questions. More are bulk work."""
LOOK = 4096
"""Chunks between two looks at what is missing, and what of it comes first."""
WINDOW = 1024
"""Chunks whose texts are in memory at once, sent by their length."""
SHOW_SECONDS = 1.0
SHOW_SHARE = 0.05
"""New vectors take part in searches after a second, and in a larger collection when showing them takes at
most this share of the time."""
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds until an embedder that is away is asked again."""


OpenFiles = Callable[[], Iterable[Path]]


class Filler:
    """Embeds what is published. `bulk` embeds when nobody else wants the CPU, `now` for somebody who waits;
    `wake` tells the runner of jobs that there is one, `open_files` gives what people look at."""

    def __init__(
        self,
        db: Database,
        indexes: Indexes,
        model_id: str,
        bulk: Endpoint,
        now: Endpoint,
        wake: Callable[[], None],
        open_files: OpenFiles = tuple,
    ) -> None:
        self._db = db
        self._indexes = indexes
        self._model_id = model_id
        self._bulk = Embedding(db, model_id, bulk)
        self._now = Embedding(db, model_id, now)
        self._wake = wake
        self._open_files = open_files
        self._filling: set[str] = set()
        self._again: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def switch(self, space: Space) -> None:
        """Fill another version of the index from now on, with the vectors of its model."""
        self._indexes, self._model_id = space.indexes, space.version.model_id
        self._bulk = Embedding(self._db, self._model_id, space.bulk)
        self._now = Embedding(self._db, self._model_id, space.query)
        self._again |= self._filling

    async def fill(self, collection: Collection) -> None:
        """See to it that a job embeds what is missing in a collection, if something is."""
        if await self._indexes.missing(collection.id):
            await self.start(collection)

    async def start(self, collection: Collection) -> None:
        """See to it that a job looks for what is missing."""
        if collection.id in self._filling:
            self._again.add(collection.id)
            return
        async with self._db.write() as conn:
            job = await jobs.open_of(conn, KIND, collection.id)
            # One that has started and is not here any more is about to end.
            if job is None or job.started_at is not None:
                await jobs.enqueue(conn, KIND, collection.owner_id, {}, collection.id)
        self._wake()

    async def start_where_missing(self) -> None:
        """At start: of collections that another model has embedded, or whose last change was cut off."""
        async with self._db.read() as conn:
            found = await unembedded.in_collections(conn, self._model_id)
        for collection in found:
            await self.start(collection)

    def soon(self, collection: Collection, document_ids: Sequence[str]) -> None:
        """Embed what somebody has just saved, ahead of everything else; returns at once."""
        task = asyncio.create_task(self._soon(collection, document_ids), name="embed-soon")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way for somebody; the next start finds it missing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, context: JobContext) -> None:
        """Handle a job of kind "embed". While one is at work on a collection, another has nothing to do but
        to make it look again."""
        collection_id = str(context.job.collection_id)
        if collection_id in self._filling:
            self._again.add(collection_id)
            return
        self._filling.add(collection_id)
        try:
            try:
                async with self._db.read() as conn:
                    collection = await collections.get(conn, collection_id)
                if collection is None:
                    raise NotFound("The collection is gone", cause="It was removed meanwhile")
                await self._fill_all(context, collection)
            finally:
                self._filling.discard(collection_id)
        except Cancelled:
            await self._indexes.refresh(collection_id)
            raise

    async def _fill_all(self, context: JobContext, collection: Collection) -> None:
        tries = 0
        while True:
            self._again.discard(collection.id)
            ids, size = await self._missing(collection)
            before = context.job.done
            await context.progress(before, before + size, "bytes", "embedding")
            if not ids:
                await self._indexes.refresh(collection.id, settle=True)
                if collection.id not in self._again:
                    return
                continue
            switched = self._switched_from(self._bulk)
            try:
                await self._fill_some(context, collection, ids)
            except (ModelUnavailable, Busy) as error:
                tries = 0 if context.job.done > before else tries + 1
                pause = PAUSES[min(tries, len(PAUSES) - 1)]
                await context.wait(pause, str(error), switched)
            else:
                tries = 0

    def _switched_from(self, bulk: Embedding) -> Callable[[], bool]:
        return lambda: self._bulk is not bulk

    async def _fill_some(self, context: JobContext, collection: Collection, ids: Sequence[int]) -> None:
        shown, cost = time.monotonic(), 0.0
        new: list[str] = []

        async def kept(some: Texts) -> None:
            nonlocal shown, cost
            new.extend(text_hash for text_hash, _ in some)
            size = sum(len(text.encode()) for _, text in some)
            await context.progress(context.job.done + size, kept=True)
            now = time.monotonic()
            if now - shown > max(SHOW_SECONDS, cost / SHOW_SHARE):
                await self._indexes.refresh(collection.id, embedded=new)
                new.clear()
                shown, cost = time.monotonic(), time.monotonic() - now

        await self._bulk.stream(collection.owner_id, self._requests(collection, ids), kept)

    async def _missing(self, collection: Collection) -> tuple[list[int], int]:
        """Chunks to embed, in their order, and the bytes of all that are missing."""
        root = Path(collection.root) if collection.root else None
        paths = [
            path.relative_to(root).as_posix()
            for path in self._open_files()
            if root and path.is_relative_to(root)
        ]
        async with self._db.read() as conn:
            first = [item.id for item in await documents.at_paths(conn, collection.id, paths)]
            size = await unembedded.size(conn, collection, self._model_id)
            ids = await unembedded.ids(conn, collection, self._model_id, LOOK, first) if size else []
        return ids, size

    async def _requests(self, collection: Collection, ids: Sequence[int]) -> AsyncIterator[Texts]:
        """The texts of these chunks. Ends early when there is something new to look at."""
        for window in batches(ids, WINDOW):
            async with self._db.read() as conn:
                rows = await chunks.get_many(conn, window)
                hashes = [row.text_hash for row in rows]
                known = await vectors.get_many(conn, collection.owner_id, self._model_id, hashes)
            texts = {
                row.text_hash: embedded_text(row.header, row.text)
                for row in rows
                if row.text_hash not in known
            }
            for some in batches(by_length(list(texts.items())), BATCH):
                if collection.id in self._again:
                    return
                yield some

    async def _soon(self, collection: Collection, document_ids: Sequence[str]) -> None:
        async with self._db.read() as conn:
            rows = [row for id in document_ids for row in await chunks.of_document(conn, id)]
            hashes = [row.text_hash for row in rows]
            known = await vectors.get_many(conn, collection.owner_id, self._model_id, hashes)
        texts = {row.text_hash: embedded_text(row.header, row.text) for row in rows}
        wanted = {text_hash: text for text_hash, text in texts.items() if text_hash not in known}
        if not wanted:
            return
        try:
            if len(wanted) <= FEW:
                await self._now.embed(collection.owner_id, wanted, _unseen)
                await self._indexes.refresh(collection.id, embedded=list(wanted))
                return
        except PetraError as error:
            log.info("embed_later", collection=collection.id, error=type(error).__name__)
        await self.fill(collection)


async def _unseen(done: int, total: int) -> None:
    """Progress that nobody looks at."""
