import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import structlog

from petra.errors import NotFound, UnreadableDocument
from petra.storage import documents, jobs
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.job_runner import JobContext, JobHandler, JobRunner
from petra.storage.jobs import Job
from petra.storage.pace import Pace
from petra.storage.users import User

from .conftest import add_document

Add = Callable[..., Awaitable[Job]]


@pytest.fixture
def add(db: Database, owner: User) -> Add:
    async def enqueue(kind: str = "work", **payload: object) -> Job:
        async with db.write() as conn:
            return await jobs.enqueue(conn, kind, owner.id, payload)

    return enqueue


@pytest.fixture
async def run(db: Database) -> AsyncIterator[Callable[..., Awaitable[JobRunner]]]:
    started: list[JobRunner] = []

    async def start(handler: JobHandler, concurrency: int = 2) -> JobRunner:
        runner = JobRunner(db, {"work": handler, "pull": handler}, concurrency)
        started.append(runner)
        await runner.start()
        return runner

    yield start
    for runner in started:
        await runner.stop()


async def get(db: Database, job_id: int) -> Job:
    async with db.read() as conn:
        job = await jobs.get(conn, job_id)
    assert job
    return job


async def cancel(db: Database, job: Job) -> None:
    async with db.write() as conn:
        await jobs.request_cancel(conn, job.id)


async def started(db: Database, job: Job) -> None:
    while (await get(db, job.id)).started_at is None:
        await asyncio.sleep(0.01)


async def test_a_job_is_done_and_reports_how_far_it_is(db: Database, add: Add, run: Callable) -> None:
    step = asyncio.Event()

    async def handler(context: JobContext) -> None:
        assert context.job.payload == {"path": "notes.md"}
        await context.progress(1, total=4, unit="pages")
        await context.progress(2, state="embedding")
        step.set()
        await proceed.wait()
        await context.progress(4)

    proceed = asyncio.Event()
    job = await add(path="notes.md")
    runner = await run(handler)
    await step.wait()
    middle = await get(db, job.id)
    assert (middle.state, middle.done, middle.total, middle.unit) == ("embedding", 2, 4, "pages")
    assert middle.pace and middle.updated_at
    assert middle.eta_s(middle.updated_at) == pytest.approx(2 / middle.pace)
    assert runner.active() == 1
    proceed.set()
    done = await runner.wait(job.id)
    assert (done.state, done.done, done.total, done.reason) == ("ready", 4, 4, None)
    assert done.finished_at and done.eta_s(done.finished_at) is None
    assert runner.active() == 0


async def test_a_job_added_later_starts_when_woken(add: Add, run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        assert context.job.state == "downloading"

    runner = await run(handler)
    job = await add("pull")
    runner.wake()
    assert (await runner.wait(job.id)).state == "ready"


async def test_no_more_run_at_once_than_allowed_and_the_oldest_first(add: Add, run: Callable) -> None:
    order: list[int] = []
    most = 0

    async def handler(context: JobContext) -> None:
        nonlocal most
        order.append(context.job.id)
        most = max(most, runner.active())
        await asyncio.sleep(0.02)

    added = [(await add()).id for _ in range(6)]
    runner = await run(handler, concurrency=2)
    for job_id in added:
        await runner.wait(job_id)
    assert order == added and most == 2


async def test_a_reason_reaches_the_person_and_the_document(
    db: Database, collection: Collection, run: Callable
) -> None:
    async def handler(context: JobContext) -> None:
        raise UnreadableDocument("The PDF is encrypted", remedy="Remove the password")

    document = await add_document(db, collection)
    async with db.write() as conn:
        await documents.set_state(conn, document.id, "extracting")
        job = await jobs.enqueue(conn, "work", collection.owner_id, {}, collection.id, document.id)
    runner = await run(handler)
    failed = await runner.wait(job.id)
    assert (failed.state, failed.reason) == ("failed", "The PDF is encrypted. Remove the password.")
    async with db.read() as conn:
        found = await documents.get(conn, document.id)
    assert found and (found.state, found.reason) == ("failed", failed.reason)


async def test_an_unexpected_error_fails_the_job_and_stays_in_the_log(add: Add, run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        raise ZeroDivisionError("secret detail")

    job = await add()
    with structlog.testing.capture_logs() as logged:
        failed = await (await run(handler)).wait(job.id)
    assert failed.state == "failed"
    assert failed.reason == f"An internal error; the log has it under job {job.id}."
    (entry,) = [entry for entry in logged if entry["event"] == "job_failed"]
    assert entry["job"] == job.id and entry["exc_info"]


async def test_a_job_that_reports_progress_stops_when_asked(db: Database, add: Add, run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        for done in range(10_000):
            await context.progress(done)
            await asyncio.sleep(0.01)

    job = await add()
    runner = await run(handler)
    await started(db, job)
    await cancel(db, job)
    runner.wake()
    async with asyncio.timeout(2):
        assert (await runner.wait(job.id)).state == "cancelled"


async def test_a_job_that_says_nothing_is_cancelled_too(db: Database, add: Add, run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        await asyncio.sleep(60)

    job = await add()
    runner = await run(handler)
    await started(db, job)
    await cancel(db, job)
    runner.wake()
    async with asyncio.timeout(3):
        assert (await runner.wait(job.id)).state == "cancelled"


async def test_a_job_that_waits_is_cancelled_at_once_and_never_runs(
    db: Database, add: Add, run: Callable
) -> None:
    async def handler(context: JobContext) -> None:
        raise AssertionError("ran")

    job = await add()
    await cancel(db, job)
    assert (await get(db, job.id)).state == "cancelled"
    assert (await (await run(handler)).wait(job.id)).state == "cancelled"


async def test_cancelling_what_has_ended_changes_nothing(db: Database, add: Add, run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        pass

    job = await add()
    done = await (await run(handler)).wait(job.id)
    await cancel(db, job)
    assert await get(db, job.id) == done


async def test_stopping_the_server_puts_a_job_back(db: Database, add: Add, run: Callable) -> None:
    async def endless(context: JobContext) -> None:
        await context.progress(3, total=9, state="embedding")
        await asyncio.sleep(60)

    async def quick(context: JobContext) -> None:
        pass

    job = await add()
    first = await run(endless)
    await started(db, job)
    await first.stop()
    waiting = await get(db, job.id)
    assert (waiting.state, waiting.attempts, waiting.started_at) == ("queued", 0, None)
    assert (await (await run(quick)).wait(job.id)).state == "ready"


async def test_a_job_that_a_crash_interrupted_runs_again_but_not_for_ever(
    db: Database, add: Add, run: Callable
) -> None:
    async def handler(context: JobContext) -> None:
        raise AssertionError("ran")

    job, unwanted = await add(), await add()
    states = []
    for crash in range(3):
        async with db.write() as conn:
            await jobs.claim(conn, {"work": "extracting"})
            if crash == 0:
                await jobs.claim(conn, {"work": "extracting"})
                await jobs.request_cancel(conn, unwanted.id)
        async with db.write() as conn:  # what the next server does first
            await jobs.requeue_interrupted(conn)
        states.append((await get(db, job.id)).state)
    assert states == ["queued", "queued", "failed"]
    assert "3 times" in str((await get(db, job.id)).reason)
    assert (await get(db, unwanted.id)).state == "cancelled"
    assert (await (await run(handler)).wait(job.id)).state == "failed"


async def test_a_job_that_keeps_what_it_does_may_be_interrupted_any_number_of_times(
    db: Database, add: Add, run: Callable
) -> None:
    job = await add()
    for _ in range(5):
        async with db.write() as conn:
            await jobs.claim(conn, {"work": "extracting"})
            await jobs.progress(conn, job.id, done=1, total=9, unit="", state="embedding", kept=True)
        async with db.write() as conn:  # what the next server does first
            assert await jobs.requeue_interrupted(conn) == 1
        again = await get(db, job.id)
        assert (again.state, again.attempts, again.done, again.pace) == ("queued", 1, 0, None)


def test_what_is_left_counts_down_at_the_pace_of_late() -> None:
    pace = Pace(0.0)
    assert pace.report(1.0, 0) is None
    assert pace.report(2.0, 20) == 10
    for second in range(3, 60):
        late = pace.report(float(second), 20 + second)
    assert late == pytest.approx(1)
    assert pace.report(60.0, 1) is None, "it began anew"
    assert pace.report(62.0, 5) == 2


async def test_the_time_left_is_told_only_while_it_is_known(db: Database, add: Add) -> None:
    job = replace(await add(), state="embedding", done=20, total=100, pace=8.0, updated_at=1000.0)
    assert [job.eta_s(now) for now in (1000.0, 1004.0, 1012.0)] == [10, 6, 0]
    assert job.eta_s(1020.0) is None, "nothing has come for a while"
    for unknown in ({"pace": None}, {"total": None}, {"state": "ready"}):
        assert replace(job, **unknown).eta_s(1000.0) is None


async def test_nobodys_files_wait_for_an_embedder(db: Database, add: Add) -> None:
    hung, began = asyncio.Event(), asyncio.Event()

    async def embed(context: JobContext) -> None:
        began.set()
        await hung.wait()

    async def work(context: JobContext) -> None:
        pass

    for _ in range(3):
        await add("embed")
    runner = JobRunner(db, {"embed": embed, "work": work}, concurrency=1)
    await runner.start()
    await began.wait()
    job = await add()
    runner.wake()
    assert (await runner.wait(job.id)).state == "ready"
    assert runner.active() == 1
    await runner.stop()


async def test_a_job_that_waits_says_for_what_and_keeps_no_server_up(
    db: Database, add: Add, run: Callable
) -> None:
    async def patient(context: JobContext) -> None:
        await context.wait(600, "The embedder is away.")

    job = await add()
    runner = await run(patient)
    while not (waiting := await get(db, job.id)).payload:
        await asyncio.sleep(0.01)
    assert waiting.payload == {"waits_for": "The embedder is away."}
    assert (runner.active(), waiting.eta_s(waiting.created_at)) == (0, None)
    await cancel(db, job)
    runner.wake()
    async with asyncio.timeout(3):
        assert (await runner.wait(job.id)).state == "cancelled"


async def test_a_person_sees_their_own_jobs_newest_first(db: Database, owner: User, add: Add) -> None:
    added = [await add() for _ in range(3)]
    async with db.read() as conn:
        assert await jobs.list_for(conn, owner.id, 2) == added[:0:-1]
        assert await jobs.list_for(conn, "0" * 32, 2) == []


async def test_waiting_for_no_job_is_an_error(run: Callable) -> None:
    async def handler(context: JobContext) -> None:
        pass

    with pytest.raises(NotFound):
        await (await run(handler)).wait(7)


async def test_what_a_job_found_is_kept_beside_what_it_was_asked(db: Database, add: Add, run) -> None:
    async def work(context: JobContext) -> None:
        await context.note(skipped=3)
        assert context.job.payload == {"only": None, "skipped": 3}

    runner = await run(work)
    job = await add(only=None)
    runner.wake()
    assert (await runner.wait(job.id)).payload == {"only": None, "skipped": 3}
