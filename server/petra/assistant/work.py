"""A person's jobs, for every door: how far they are, stopping them, and letting them rest."""

from __future__ import annotations

import time
from typing import Any

from petra.access import Action, Identity, authorize
from petra.assistant import views
from petra.errors import NotFound
from petra.storage import collections, jobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner
from petra.storage.jobs import Job


class Work:
    """The jobs of the person who asks."""

    def __init__(self, db: Database, runner: JobRunner) -> None:
        self._db = db
        self._runner = runner

    async def newest(self, caller: Identity, limit: int) -> list[dict[str, Any]]:
        """The newest ones."""
        async with self._db.read() as conn:
            mine = await jobs.list_for(conn, caller.user_id, limit)
        return [views.job(item, time.time()) for item in mine]

    async def read(self, caller: Identity, job_id: int) -> dict[str, Any]:
        """One of them. Raises NotFound."""
        return views.job(await self._job(caller, job_id, "read_job"), time.time())

    async def cancel(self, caller: Identity, job_id: int) -> dict[str, Any]:
        """Ask a job to stop; what it has finished stays. Of a folder, whoever follows it may have asked for
        the same: that stops, too. Raises NotFound."""
        job = await self._job(caller, job_id, "cancel_job")
        async with self._db.write() as conn:
            for id in {job.id, *await jobs.same_as(conn, job)}:
                await jobs.request_cancel(conn, id)
        self._runner.wake()
        return await self.read(caller, job.id)

    async def wait(self, caller: Identity, job_id: int) -> dict[str, Any]:
        """A job once it has ended. Raises NotFound."""
        await self._job(caller, job_id, "read_job")
        return views.job(await self._runner.wait(job_id), time.time())

    async def open_jobs(self, caller: Identity) -> list[dict[str, Any]]:
        """Those that have not ended, the oldest first."""
        return [item for item in reversed(await self.newest(caller, 100)) if item["state"] not in jobs.ENDED]

    async def pause(self, caller: Identity, collection_id: str) -> None:
        """Let the jobs of a collection rest, the running one too: it goes on where it was. A restart of
        the server ends the rest. Raises NotFound."""
        await self._collection(caller, collection_id)
        await self._runner.pause(collection_id)

    async def go_on(self, caller: Identity, collection_id: str) -> None:
        """The opposite of `pause`. Raises NotFound."""
        await self._collection(caller, collection_id)
        self._runner.go_on(collection_id)

    async def _collection(self, caller: Identity, collection_id: str) -> None:
        async with self._db.read() as conn:
            collection = await collections.get(conn, collection_id)
        if collection is None:
            raise NotFound("There is no such collection", remedy="`petra status` lists them")
        authorize(caller, "cancel_job", collection)

    async def _job(self, caller: Identity, job_id: int, action: Action) -> Job:
        async with self._db.read() as conn:
            job = await jobs.get(conn, job_id) if 0 < job_id < 10**15 else None
        if job is None:
            raise NotFound("There is no such job")
        authorize(caller, action, job)
        return job
