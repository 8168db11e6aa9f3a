"""Model pulls as jobs: a server that lacks its models fetches them while the page shows how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

from petra.inference import installed
from petra.inference.catalogue import entries
from petra.inference.pull import pull
from petra.storage import jobs
from petra.storage.database import Database
from petra.storage.job_runner import JobContext
from petra.storage.jobs import JobState

KIND = "pull"
REPORT_SECONDS = 0.5


class PullJob:
    """The handler of jobs of kind `pull`; `arrived` is called with the name of a model that is there."""

    def __init__(self, models_dir: Path, arrived: Callable[[str], None]) -> None:
        self._models_dir = models_dir
        self._arrived = arrived

    async def __call__(self, context: JobContext) -> None:
        """Fetch, check and install the model that the job names. Raises ModelFileError, Cancelled."""
        name = str(context.job.payload["model"])
        seen = (0, 0)

        def note(done: int, total: int) -> None:
            nonlocal seen
            seen = (done, total)

        pulling = asyncio.create_task(pull(name, self._models_dir, note, lambda: context.cancelled))
        try:
            while not pulling.done():
                await asyncio.wait({pulling}, timeout=REPORT_SECONDS)
                # When all bytes are here, they are unpacked and hashed.
                state: JobState = "verifying" if 0 < seen[1] <= seen[0] else "downloading"
                await context.progress(seen[0], seen[1] or None, "bytes", state=state)
            await pulling
        finally:
            pulling.cancel()
        self._arrived(name)


async def enqueue_missing(db: Database, owner_id: str, models_dir: Path, names: Collection[str]) -> list[str]:
    """Queue a pull for each of the names that the catalogue knows and that is not installed or queued
    already. Returns the names."""
    known = {entry.name for entry in entries()}
    wanted = [
        name
        for name in dict.fromkeys(names)
        if name in known and not await asyncio.to_thread(installed.is_installed, models_dir, name)
    ]
    async with db.write() as conn:
        waiting = {
            job.payload.get("model")
            for job in await jobs.list_for(conn, owner_id)
            if job.kind == KIND and not job.ended
        }
        queued = [name for name in wanted if name not in waiting]
        for name in queued:
            await jobs.enqueue(conn, KIND, owner_id, {"model": name})
    return queued
