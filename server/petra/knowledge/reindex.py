"""A new version of the search index: built beside the one that answers, compared with it, then swapped.

Whatever interrupts it, the old version goes on answering: its files and vectors are not touched, and the
swap is one transaction. What was embedded is kept, so that the job goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from petra.errors import BadRequest, Cancelled, ModelUnavailable, NotFound, PetraError, StorageError
from petra.knowledge.blocks import embedded_text
from petra.knowledge.comparison import Comparison, compare
from petra.knowledge.embedding import Embedding
from petra.knowledge.space import Space, Staged
from petra.storage import chunks, collections, index_versions
from petra.storage.collections import Collection
from petra.storage.database import Connection, Database
from petra.storage.index_versions import IndexVersion
from petra.storage.job_runner import JobContext
from petra.storage.rows import batches
from petra.telemetry import logger

log = logger("petra.knowledge.reindex")

GRACE_SECONDS = 2.0
PORTION = 1024
"""Chunks whose texts are in memory at once."""


class Reindex:
    """The handler of jobs of kind "reindex", payload {"model", "incremental", "rollback"}.

    `stage` opens a version beside the current one; `swapped` is told that a space counts from now on and
    lets everybody use it. `turn` is held by whoever looks after the index, one at a time.
    """

    def __init__(
        self,
        db: Database,
        current: Space,
        stage: Callable[[IndexVersion, Space], Staged],
        swapped: Callable[[Space], Awaitable[None]],
        turn: asyncio.Lock,
    ) -> None:
        self._db = db
        self.current = current
        """The space that answers now."""
        self._stage = stage
        self._swapped = swapped
        self._turn = turn

    async def __call__(self, context: JobContext) -> None:
        """Do it. Raises BadRequest, ModelUnavailable, Cancelled and what the model raises."""
        async with self._turn:
            version = await self._version(context)
            if version.id == self.current.version.id:
                await self._build(context, self.current)
                return
            try:
                staged = await self._built(context, version)
            except PetraError as error:
                # A job that was stopped goes on there; one that failed has nothing that the next needs.
                if version.state == "building" and not isinstance(error, Cancelled | StorageError):
                    async with self._db.write() as conn:
                        await index_versions.drop(conn, version.id)
                raise
            await _whole(self._swap(staged))

    async def _built(self, context: JobContext, version: IndexVersion) -> Staged:
        staged = self._stage(version, self.current)
        try:
            await staged.space.query()  # where nothing is to be embedded, nothing else asks for the model
            await self._build(context, staged.space)
            if version.state != "previous":
                await self._check(context, staged.space)
        except BaseException:
            await _give_up(staged)
            raise
        return staged

    async def _swap(self, staged: Staged) -> None:
        """From one moment to the next everybody uses the new version. The old one's files stay, to go
        back to."""
        former, version = self.current, staged.space.version
        try:
            async with self._db.write() as conn:
                await index_versions.swap(conn, version.id)
        except BaseException:
            await _give_up(staged)
            raise
        self.current = staged.promote()
        await self._swapped(self.current)
        log.info("index_swapped", version=version.id, model=version.model_id)
        # Searches that have begun in the old one are over by then.
        await asyncio.sleep(GRACE_SECONDS)
        await former.indexes.close()

    async def _version(self, context: JobContext) -> IndexVersion:
        """The version that is to answer when the job is done: of a job that was interrupted, the same."""
        async with self._db.write() as conn:
            version = await index_versions.get(conn, int(context.job.payload.get("version", 0)))
            version = version or await self._chosen(conn, context.job.payload)
        await context.note(version=version.id)
        return version

    async def _chosen(self, conn: Connection, asked: dict[str, Any]) -> IndexVersion:
        current = self.current.version
        if asked.get("rollback"):
            before = await index_versions.in_state(conn, "previous")
            if before is None:
                raise BadRequest(
                    "There is no version to go back to",
                    cause="Nothing was swapped yet, or the one before was given up by `petra gc --previous`",
                    remedy="`petra reindex --model NAME` goes to any model",
                )
            return before
        model = asked.get("model") or current.model_id
        if asked.get("incremental") and model == current.model_id:
            return current
        return await index_versions.begin(conn, model, current.configured)

    async def _build(self, context: JobContext, space: Space) -> None:
        """Embed what has no vector of this model, and write the index of each collection."""
        async with self._db.read() as conn:
            everything = await collections.everybodys(conn)
        wanting = {item.id: await space.indexes.missing(item.id) for item in everything}
        total, done = sum(map(len, wanting.values())), 0
        await context.progress(0, total, "chunks", "embedding")
        embedding = Embedding(self._db, space.version.model_id, space.bulk)
        for collection in everything:
            for ids in batches(list(wanting[collection.id]), PORTION):
                before = done

                async def progress(part: int, _: int, before: int = before) -> None:
                    await context.progress(before + part)

                await embedding.embed(collection.owner_id, await self._texts(ids), progress)
                done += len(ids)
                await context.progress(done)
            await self._written(space, collection)

    async def _texts(self, ids: Sequence[int]) -> dict[str, str]:
        async with self._db.read() as conn:
            rows = await chunks.get_many(conn, ids)
        return {row.text_hash: embedded_text(row.header, row.text) for row in rows}

    async def _written(self, space: Space, collection: Collection) -> None:
        try:
            await space.indexes.refresh(collection.id, settle=True)
        except NotFound:  # it was removed meanwhile
            return

    async def _check(self, context: JobContext, space: Space) -> None:
        """Ask the old and the new version the same, and keep the old one when the new one finds less."""
        await context.progress(context.job.done, state="verifying")
        found = await compare(self._db, self.current, space)
        await context.note(comparison=found.as_values())
        log.info("index_compared", version=space.version.id, **found.as_values())
        if found.worse:
            raise _refused(found, space.version)


async def _give_up(staged: Staged) -> None:
    await staged.drop()
    await staged.space.indexes.close()


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Wait for the end of `work`, also when cancelled: what is half swapped is neither version."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _refused(found: Comparison, version: IndexVersion) -> ModelUnavailable:
    return ModelUnavailable(
        f"The index of {version.model_id} was not taken: it finds less than the one there is",
        cause=f"Of {found.queries} passages asked for by their own words it finds {found.found_new}, the "
        f"index there is {found.found_old}",
        remedy="The old one goes on answering. Choose another model, or look at this one with `petra eval`",
    )
