"""Runs the jobs of the queue, a few at a time, and records how each ends."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from petra import telemetry
from petra.errors import Cancelled, NotFound, PetraError, StorageError
from petra.storage import jobs
from petra.storage.database import Database
from petra.storage.jobs import Job, JobState
from petra.storage.pace import Pace

log = telemetry.logger(__name__)

WRITE_SECONDS = 0.25
"""Progress is written this often at most."""
POLL_SECONDS = 1.0
IDLE_POLL_SECONDS = 5.0
GRACE_SECONDS = 1.0
"""How long a handler that was asked to stop may go on before its task is cancelled."""
RETRY_SECONDS = 2.0
FIRST_STATES: Mapping[str, JobState] = {"pull": "downloading", "embed": "embedding"}
"""What a job of a kind does first; all others begin by extracting."""
LANES: Mapping[str, str] = {"pull": "pull", "embed": "embed", "reindex": "reindex"}
"""Kinds whose jobs take places of their own: nobody's files wait for a download or an embedder, and another
embedder does not wait for one that is away."""


class JobContext:
    """What a handler gets: its job (as of its last progress), the database, and a way to report."""

    def __init__(self, db: Database, job: Job) -> None:
        self.db = db
        self.job = job
        self.cancelled = False
        """Whether a person asked the job to stop. A handler that neither looks nor reports progress is
        cancelled, as a task, a second later."""
        self.waiting = False
        """Whether it sleeps until something comes back."""
        self._written = time.monotonic()
        self._pace = Pace(self._written)
        self._kept = False

    async def progress(
        self,
        done: int,
        total: int | None = None,
        unit: str | None = None,
        state: JobState | None = None,
        *,
        kept: bool = False,
    ) -> None:
        """Report how far the job is; what is not given stays. Cheap: most calls write nothing. `kept` says
        that what is done so far need not be done again by the next server.

        Raises Cancelled when a person asked the job to stop.
        """
        before = self.job
        self.job = dataclasses.replace(
            before,
            done=done,
            total=before.total if total is None else total,
            unit=before.unit if unit is None else unit,
            state=state or before.state,
        )
        self._kept = self._kept or kept
        due = time.monotonic() - self._written >= WRITE_SECONDS
        if not self.cancelled and (due or self.job.state != before.state):
            await self.write()
        if self.cancelled:
            raise Cancelled("The job was cancelled")

    async def wait(self, seconds: float, why: str, until: Callable[[], bool] = lambda: False) -> None:
        """Sleep before a job goes on by itself, saying what it waits for; no longer than `until` is true. A
        server that nobody uses does not stay for it. Raises Cancelled."""
        self.waiting = True
        try:
            await self.note(waits_for=why)
            await self.rest(seconds, until)
            await self.note(waits_for=None)
        finally:
            self.waiting = False

    async def rest(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Sleep, no longer than `until` is true. Raises Cancelled when a person asked the job to stop
        meanwhile."""
        end = time.monotonic() + seconds
        while not until() and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, WRITE_SECONDS))
            if self.cancelled:
                raise Cancelled("The job was cancelled")

    async def note(self, **found: Any) -> None:
        """Keep what the job found, beside its payload, for the one who waits for it."""
        self.job = dataclasses.replace(self.job, payload={**self.job.payload, **found})
        async with self.db.write() as conn:
            await jobs.note(conn, self.job.id, self.job.payload)

    async def write(self) -> None:
        """Record the progress now."""
        self._written = time.monotonic()
        pace = self._pace.report(self._written, self.job.done)
        job = self.job = dataclasses.replace(self.job, pace=pace)
        async with self.db.write() as conn:
            asked = await jobs.progress(
                conn,
                job.id,
                done=job.done,
                total=job.total,
                unit=job.unit,
                state=job.state,
                pace=pace,
                kept=self._kept,
            )
        self._kept = False
        self.cancelled = self.cancelled or asked


JobHandler = Callable[[JobContext], Awaitable[None]]
"""Does one kind of job. Returns when it is done; raises PetraError with the reason when it cannot be.
It may be run again from the beginning after a crash, so what it did before must not hurt."""


class JobRunner:
    """`start`, then `wake` after each job that was added or asked to stop. `concurrency` is how many jobs
    run at once in each lane."""

    def __init__(self, db: Database, handlers: Mapping[str, JobHandler], concurrency: int = 2) -> None:
        self._db = db
        self._handlers = handlers
        self._kinds = {kind: FIRST_STATES.get(kind, "extracting") for kind in handlers}
        self._concurrency = concurrency
        self._running: dict[int, tuple[JobContext, asyncio.Task[None]]] = {}
        self._finishing: set[int] = set()
        self._resting: set[str] = set()
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Put back what the last server left unfinished, and begin."""
        async with self._db.write() as conn:
            put_back = await jobs.requeue_interrupted(conn)
        if put_back:
            log.info("jobs_requeued", count=put_back)
        self._loop = asyncio.create_task(self._run(), name="job-runner")

    async def stop(self) -> None:
        """Stop every running job and put it back for the next start."""
        if self._loop:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        tasks = [task for _, task in self._running.values()]
        for job_id, (_, task) in list(self._running.items()):
            if job_id not in self._finishing:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=10 * GRACE_SECONDS)
            for task in late:
                task.cancel()

    def wake(self) -> None:
        """Look at the queue now: a job was added or asked to stop."""
        self._wake.set()

    async def pause(self, collection_id: str) -> None:
        """Put the running jobs of a collection back, and begin none of it until `go_on` or the next start."""
        self._resting.add(collection_id)
        tasks = []
        for job_id, (context, task) in list(self._running.items()):
            if context.job.collection_id == collection_id and job_id not in self._finishing:
                task.cancel()
                tasks.append(task)
        if tasks:
            await asyncio.wait(tasks, timeout=10 * GRACE_SECONDS)

    def go_on(self, collection_id: str) -> None:
        """Let the jobs of a collection run again."""
        self._resting.discard(collection_id)
        self.wake()

    @property
    def resting(self) -> frozenset[str]:
        """The collections whose jobs are paused."""
        return frozenset(self._resting)

    def kinds(self) -> set[str]:
        """The kinds of the jobs that are at work."""
        return {context.job.kind for context, _ in self._running.values() if not context.waiting}

    def active(self) -> int:
        """How many jobs are at work; those that wait for something are not."""
        return sum(not context.waiting for context, _ in self._running.values())

    async def wait(self, job_id: int) -> Job:
        """The job, once it has ended. Raises NotFound."""
        while True:
            ended = self._ended
            async with self._db.read() as conn:
                job = await jobs.get(conn, job_id)
            if job is None:
                raise NotFound("There is no such job")
            if job.ended:
                return job
            # A job that was cancelled while it waited never runs here, so the row is asked again.
            await _wait(ended, POLL_SECONDS)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._stop_cancelled()
                while job := await self._claim():
                    self._begin(job)
            except StorageError as error:
                log.warning("jobs_wait_for_storage", what=error.what, cause=error.cause)
            except Exception:
                log.exception("job_runner_failed")
            await _wait(self._wake, POLL_SECONDS if self._running else IDLE_POLL_SECONDS)

    async def _claim(self) -> Job | None:
        kinds = self._with_places()
        if not kinds:
            return None
        async with self._db.read() as conn:
            if not await jobs.any_waiting(conn, kinds, self._resting):
                return None
        async with self._db.write() as conn:
            return await jobs.claim(conn, kinds, self._resting)

    def _with_places(self) -> dict[str, JobState]:
        """The kinds of which another job may begin, with the state it begins in."""
        taken = Counter(_lane(context.job.kind) for context, _ in self._running.values())
        return {kind: state for kind, state in self._kinds.items() if taken[_lane(kind)] < self._concurrency}

    async def _stop_cancelled(self) -> None:
        if not self._running:
            return
        async with self._db.read() as conn:
            asked = await jobs.cancel_requested(conn, list(self._running))
        for job_id in asked & self._running.keys():
            context, task = self._running[job_id]
            if not context.cancelled:
                context.cancelled = True
                asyncio.get_running_loop().call_later(GRACE_SECONDS, self._cancel, job_id, task)

    def _cancel(self, job_id: int, task: asyncio.Task[None]) -> None:
        if job_id not in self._finishing:
            task.cancel()

    def _begin(self, job: Job) -> None:
        context = JobContext(self._db, job)
        task = asyncio.create_task(self._work(context), name=f"job-{job.id}")
        self._running[job.id] = context, task
        task.add_done_callback(lambda ended: self._after(job.id, ended))

    def _after(self, job_id: int, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("job_not_recorded", job=job_id, exc_info=error)
        del self._running[job_id]
        self._finishing.discard(job_id)
        ended, self._ended = self._ended, asyncio.Event()
        ended.set()
        self._wake.set()

    async def _work(self, context: JobContext) -> None:
        job = context.job
        state, reason = await self._outcome(context)
        self._finishing.add(job.id)
        while True:
            try:
                await self._record(context, state, reason)
                break
            except StorageError as error:
                # The disk may have room again later; until then the job counts as running.
                log.warning("job_not_recorded", job=job.id, what=error.what, cause=error.cause)
                await asyncio.sleep(RETRY_SECONDS)
        telemetry.jobs_total.labels(job.kind, state).inc()
        log.info("job_ended", job=job.id, kind=job.kind, state=state)

    async def _outcome(self, context: JobContext) -> tuple[JobState, str | None]:
        """Run the handler; `queued` means that it was stopped together with the server. While the disk is
        full it is run again and again: what it is for was acknowledged."""
        job = context.job
        try:
            while True:
                try:
                    await self._handlers[job.kind](context)
                    return "ready", None
                except StorageError as error:
                    if not error.retryable:
                        raise
                    log.warning("job_waits_for_storage", job=job.id, what=error.what, cause=error.cause)
                await context.rest(RETRY_SECONDS)
        except asyncio.CancelledError:
            return ("cancelled", "Cancelled") if context.cancelled else ("queued", None)
        except Cancelled:
            return "cancelled", "Cancelled"
        except PetraError as error:
            return "failed", str(error)
        except Exception:
            log.exception("job_failed", job=job.id, kind=job.kind)
            return "failed", f"An internal error; the log has it under job {job.id}."

    async def _record(self, context: JobContext, state: JobState, reason: str | None) -> None:
        job = context.job
        async with self._db.write() as conn:
            if state == "queued":
                await jobs.requeue(conn, job.id)
                return
            await jobs.progress(conn, job.id, done=job.done, total=job.total, unit=job.unit, state=job.state)
            await jobs.finish(conn, job.id, state, reason)


def _lane(kind: str) -> str:
    return LANES.get(kind, "")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
