"""The job that brings a collection to what its folder holds now."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from petra.errors import NotFound, UnreadableDocument
from petra.knowledge import reasons, skipped
from petra.knowledge.extract.extractor import READERS
from petra.knowledge.filler import Filler
from petra.knowledge.publish import Draft, Publisher
from petra.knowledge.reading import UNREAD, FolderReader, Reading
from petra.knowledge.turns import Turns
from petra.knowledge.walk import EVERYTHING, Found, Walk, walk
from petra.storage import collections, documents
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Known
from petra.storage.job_runner import JobContext
from petra.telemetry import logger

log = logger("petra.knowledge.folder")

GROUP = 768
"""Chunks that become searchable together. Those of the first batch do so at once: somebody waits."""
BATCH_FILES = 64
BATCH_BYTES = 1 << 18
"""Files that are read one after the other in one child."""
FIRST_BYTES = 1 << 16
"""The first batch of each child is smaller: something is found sooner."""
DELETE_GROUP = 500
HURRY = 5.0
"""Seconds for which a job takes its part of the CPU as somebody waits for it; then it is bulk work."""
FILL_AFTER = 2.0
"""Seconds after which a job that still reads lets the embedder begin beside it."""


class FolderIngest:
    """Walks a folder and publishes what has changed; unchanged files are not even opened."""

    def __init__(self, db: Database, reader: FolderReader, publisher: Publisher, filler: Filler) -> None:
        self._db = db
        self._reader = reader
        self._publisher = publisher
        self._filler = filler
        self._turns = Turns()

    async def run(self, context: JobContext) -> None:
        """Handle a job of kind "index"; payload {"only": a file's path, or None for all}."""
        collection_id = str(context.job.collection_id)
        async with self._turns.of(collection_id):
            async with self._db.read() as conn:
                collection = await collections.get(conn, collection_id)
            if collection is None or collection.root is None:
                raise NotFound("The collection is gone", cause="It was removed meanwhile")
            try:
                await self._index(context, collection, Path(collection.root), context.job.payload.get("only"))
            except (NotFound, UnreadableDocument):
                await self._leave_no_empty_one(context, collection)
                raise

    async def _index(self, context: JobContext, collection: Collection, root: Path, only: str | None) -> None:
        self._publisher.begin(collection.id)
        found = await _walk(root, only)
        async with self._db.read() as conn:
            known = await documents.known(conn, collection.id)
        changed, gone = await asyncio.to_thread(self._compared, found, known, only)
        log.info(
            "folder_walked",
            collection=collection.id,
            files=len(found.files),
            changed=len(changed),
            gone=len(gone),
            left_out=len(found.left_out),
        )
        for start in range(0, len(gone), DELETE_GROUP):
            await self._publisher.publish(collection, [], gone[start : start + DELETE_GROUP])
        left_out = [
            *found.left_out,
            *((f"{folder}/", UNREAD) for folder in found.unread if folder != EVERYTHING),
        ]
        left_out += await self._read(context, collection, root, changed, known)
        await context.note(skipped=skipped.summary(left_out))
        if only is not None and left_out:
            raise reasons.left_out(*left_out[0])
        await self._publisher.finish(collection)
        await self._filler.fill(collection)

    async def _leave_no_empty_one(self, context: JobContext, collection: Collection) -> None:
        """What could not be read at all, ever, is no collection. The job stays, to tell why."""
        async with self._db.write() as conn:
            if not await collections.is_empty(conn, collection.id):
                return
            await collections.remove(conn, collection.id, sparing=context.job.id)
        await self._publisher.forget(collection.id)

    def _compared(
        self, found: Walk, known: Mapping[str, Known], only: str | None
    ) -> tuple[list[Found], list[Known]]:
        """Files to open, those that were changed last first, and documents whose file is gone."""
        changed = [file for file in found.files if self._reader.differs(known.get(file.path), file)]
        changed.sort(key=lambda file: -file.mtime_ns)
        return changed, _gone(known, found) if only is None else []

    async def _read(
        self,
        context: JobContext,
        collection: Collection,
        root: Path,
        changed: list[Found],
        known: Mapping[str, Known],
    ) -> list[tuple[str, str]]:
        """Read and publish; says what was left out. The next files are read while some are published."""
        left_out: list[tuple[str, str]] = []
        group: list[Draft] = []
        done, total, room, began = 0, sum(file.size for file in changed), 1, time.monotonic()
        await context.progress(0, total, "bytes", "extracting")
        async for size, reading in self._readings(root, changed, known):
            left_out += reading.left_out
            await self._publisher.touch(reading.same)
            group += reading.drafts
            done += size
            if done == total or sum(len(draft.chunks) for draft in group) >= room:
                await self._publisher.publish(collection, group)
                group, room = [], GROUP
                await context.progress(done, kept=True)
            else:
                await context.progress(done)
            if time.monotonic() - began > FILL_AFTER:
                await self._filler.fill(collection)
        await self._publisher.publish(collection, group)
        return left_out

    async def _readings(
        self, root: Path, files: list[Found], known: Mapping[str, Known]
    ) -> AsyncIterator[tuple[int, Reading]]:
        """What became of the files, batch by batch with their bytes, in their order; twice as many batches
        are under way as there are children, so that none of them waits."""
        batches = _batches(files)
        running: deque[tuple[int, asyncio.Task[Reading]]] = deque()
        began = time.monotonic()
        try:
            while True:
                while len(running) < 2 * READERS and (batch := next(batches, None)):
                    idle = time.monotonic() - began > HURRY
                    task = asyncio.create_task(self._reader.read(root, batch, known, idle=idle))
                    running.append((sum(file.size for file in batch), task))
                if not running:
                    return
                size, task = running[0]
                reading = await asyncio.shield(task)
                running.popleft()
                yield size, reading
        finally:
            for _, task in running:
                task.cancel()
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)


async def _walk(root: Path, only: str | None) -> Walk:
    try:
        found = await asyncio.to_thread(walk, root, only)
    except OSError as error:
        raise NotFound(
            f"{root} cannot be read",
            cause=error.strerror or "",
            remedy="Check that the folder is there and that you may read it",
        ) from error
    if only is not None and not found.files:
        if found.left_out:
            raise reasons.left_out(only, found.left_out[0][1])
        raise NotFound(f"{only} is not there any more", remedy="Check the path")
    return found


def _gone(known: Mapping[str, Known], found: Walk) -> list[Known]:
    """Documents whose file is not there any more; what could not be looked into is left alone."""
    there = {file.path for file in found.files}
    return [
        document
        for path, document in known.items()
        if path not in there
        and not any(folder == EVERYTHING or path.startswith(f"{folder}/") for folder in found.unread)
    ]


def _batches(files: list[Found]) -> Iterator[list[Found]]:
    """The files in their order, as many together as a child should read in one go."""
    batch: list[Found] = []
    size, number = 0, 0
    for file in files:
        most = FIRST_BYTES if number < READERS else BATCH_BYTES
        if batch and (len(batch) == BATCH_FILES or size + file.size > most):
            yield batch
            batch, size, number = [], 0, number + 1
        batch.append(file)
        size += file.size
    if batch:
        yield batch
