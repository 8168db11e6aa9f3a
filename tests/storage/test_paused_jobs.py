"""The jobs of a collection can rest: the running one is put back, and no other begins until they go on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from petra.storage import jobs
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.job_runner import JobContext, JobRunner
from petra.storage.users import User


@pytest.fixture
async def make(db: Database) -> AsyncIterator[Callable[[Callable], JobRunner]]:
    made: list[JobRunner] = []

    def runner(handler: Callable) -> JobRunner:
        made.append(JobRunner(db, {"index": handler}, concurrency=2))
        return made[-1]

    yield runner
    for item in made:
        await item.stop()


async def test_paused_jobs_go_on_where_they_were(
    db: Database, owner: User, collection: Collection, make: Callable
) -> None:
    begun: list[int] = []
    first = asyncio.Event()

    async def handler(context: JobContext) -> None:
        begun.append(context.job.id)
        if not first.is_set():
            first.set()
            await asyncio.Event().wait()

    runner = make(handler)
    async with db.write() as conn:
        resting = await jobs.enqueue(conn, "index", owner.id, {}, collection.id)
    await runner.start()
    await first.wait()
    await runner.pause(collection.id)
    assert runner.resting == {collection.id} and runner.active() == 0
    async with db.write() as conn:
        assert (await jobs.get(conn, resting.id)).state == "queued"
        other = await jobs.enqueue(conn, "index", owner.id, {})
    runner.wake()
    assert (await runner.wait(other.id)).state == "ready"
    assert begun == [resting.id, other.id]

    runner.go_on(collection.id)
    assert (await runner.wait(resting.id)).state == "ready"
    assert begun == [resting.id, other.id, resting.id]


async def test_a_paused_job_can_be_cancelled(
    db: Database, owner: User, collection: Collection, make: Callable
) -> None:
    async def handler(context: JobContext) -> None:
        raise AssertionError("it rests")

    runner = make(handler)
    await runner.pause(collection.id)
    await runner.start()
    async with db.write() as conn:
        job = await jobs.enqueue(conn, "index", owner.id, {}, collection.id)
        await jobs.request_cancel(conn, job.id)
    runner.wake()
    assert (await runner.wait(job.id)).state == "cancelled"
