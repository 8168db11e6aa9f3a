"""Removing a collection for good: rows first, in one transaction, then all that was made of them."""

from __future__ import annotations

import asyncio

from petra.errors import StorageError
from petra.knowledge.search import Searcher
from petra.knowledge.upkeep import Upkeep
from petra.knowledge.watch import Watching
from petra.storage import collections
from petra.storage.blobs import Blobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner
from petra.telemetry import logger

log = logger("petra.knowledge.forget")


class Forgetting:
    """Wherever the power goes, all of a collection is there or nothing of it can be found. What is then left
    on the disk is no collection's: the next start removes blobs, `gc` indexes."""

    def __init__(
        self,
        db: Database,
        blobs: Blobs,
        runner: JobRunner,
        upkeep: Upkeep,
        searcher: Searcher,
        watching: Watching,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._runner = runner
        self._upkeep = upkeep
        self._searcher = searcher
        self._watching = watching

    async def forget(self, collection_id: str) -> None:
        """Remove a collection, its jobs cancelled. Files of a folder stay where they are; uploads are gone.
        Raises NotFound. What has begun goes to its end, also when whoever asked does not wait for it."""
        await asyncio.shield(asyncio.ensure_future(self._forget(collection_id)))

    async def _forget(self, collection_id: str) -> None:
        # At rest before its rows go, so that no job embeds texts of which nobody knows any more.
        await self._runner.pause(collection_id)
        try:
            async with self._db.write() as conn:
                uploads = await collections.remove(conn, collection_id)
        finally:
            self._runner.go_on(collection_id)
        self._watching.forget(collection_id)
        self._searcher.forget(collection_id)
        await self._upkeep.forget(collection_id)
        for upload_id in uploads:
            try:
                await self._blobs.delete(upload_id)
            except (OSError, StorageError) as error:
                log.warning("blob_left", error=type(error).__name__)
        log.info("collection_forgotten", collection=collection_id, uploads=len(uploads))
