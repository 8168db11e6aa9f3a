"""Jobs: anything longer than a second, as a row that survives a restart."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Select, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import many, now, one
from petra.storage.tables import documents, jobs

JobState = Literal[
    "queued", "extracting", "embedding", "downloading", "verifying", "ready", "failed", "cancelled"
]
ENDED: tuple[JobState, ...] = ("ready", "failed", "cancelled")
ATTEMPTS = 3
"""A job that took the server down with it this often, without having kept anything, is not tried again."""
SILENCE = 15.0
"""After so many seconds without progress, nobody knows how long a job will take."""


@dataclass(frozen=True)
class Job:
    """`done` of `total` (None while unknown) are counted in `unit`; `pace` is how many a second it has done
    of late, as of `updated_at`. `attempts` counts how often a server ended in the middle of it since it
    last kept something. It is running when it has `started_at` and no `finished_at`."""

    id: int
    kind: str
    state: JobState
    owner_id: str
    collection_id: str | None
    document_id: str | None
    payload: dict[str, Any]
    done: int
    total: int | None
    unit: str
    reason: str | None
    attempts: int
    cancel_requested: bool
    created_at: float
    started_at: float | None
    finished_at: float | None
    pace: float | None = None
    updated_at: float | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED

    def eta_s(self, now: float) -> float | None:
        """Seconds until it is done at its pace of late, or None while that is unknown."""
        if self.ended or not self.total or not self.pace or self.updated_at is None:
            return None
        silent = max(now - self.updated_at, 0.0)
        left = max(self.total - self.done, 0) / self.pace
        return max(left - silent, 0.0) if silent < SILENCE else None


async def enqueue(
    conn: AsyncConnection,
    kind: str,
    owner_id: str,
    payload: Mapping[str, Any],
    collection_id: str | None = None,
    document_id: str | None = None,
) -> Job:
    """Add a job. After the commit, tell `JobRunner.wake`."""
    row = {
        "kind": kind,
        "state": "queued",
        "owner_id": owner_id,
        "collection_id": collection_id,
        "document_id": document_id,
        "payload": dict(payload),
        "created_at": now(),
    }
    added = await conn.execute(insert(jobs).values(row).returning(*jobs.c))
    return Job(**added.mappings().one())


async def get(conn: AsyncConnection, id: int) -> Job | None:
    """The job with this id."""
    return one(Job, await conn.execute(select(jobs).where(jobs.c.id == id)))


async def list_for(conn: AsyncConnection, owner_id: str, limit: int = 100) -> list[Job]:
    """An owner's jobs, newest first."""
    query = select(jobs).where(jobs.c.owner_id == owner_id).order_by(jobs.c.id.desc()).limit(limit)
    return many(Job, await conn.execute(query))


async def open_of(conn: AsyncConnection, kind: str, collection_id: str) -> Job | None:
    """The newest job of this kind in a collection that has not ended."""
    query = select(jobs).where(
        jobs.c.collection_id == collection_id, jobs.c.kind == kind, jobs.c.finished_at.is_(None)
    )
    return one(Job, await conn.execute(query.order_by(jobs.c.id.desc()).limit(1)))


async def same_as(conn: AsyncConnection, job: Job) -> list[int]:
    """Those that have not ended and read the same folder as `job` does, if it reads one."""
    if job.kind != "index" or job.collection_id is None or job.payload.get("only") is not None:
        return []
    query = select(jobs.c.id).where(
        jobs.c.collection_id == job.collection_id,
        jobs.c.kind == "index",
        jobs.c.payload["only"].as_string().is_(None),
        jobs.c.finished_at.is_(None),
    )
    return list(await conn.scalars(query))


async def of_document(conn: AsyncConnection, document_id: str) -> Job | None:
    """A document's newest job."""
    query = select(jobs).where(jobs.c.document_id == document_id).order_by(jobs.c.id.desc()).limit(1)
    return one(Job, await conn.execute(query))


async def request_cancel(conn: AsyncConnection, id: int) -> None:
    """Ask a job to stop; one that waits is cancelled at once, one that has ended stays as it is."""
    await conn.execute(
        update(jobs).where(jobs.c.id == id, jobs.c.finished_at.is_(None)).values(cancel_requested=True)
    )
    waiting = await get(conn, id)
    if waiting and waiting.state == "queued":
        await finish(conn, id, "cancelled", "Cancelled")


async def any_waiting(conn: AsyncConnection, kinds: Collection[str], resting: Collection[str] = ()) -> bool:
    """Whether `claim` would find a job."""
    return await conn.scalar(_waiting(kinds, resting)) is not None


async def claim(
    conn: AsyncConnection, kinds: Mapping[str, JobState], resting: Collection[str] = ()
) -> Job | None:
    """Take the oldest waiting job of one of `kinds`, which are given with the state they begin in, unless
    it is for one of the collections that are `resting`."""
    row = (await conn.execute(_waiting(kinds, resting).with_for_update(skip_locked=True))).first()
    if row is None:
        return None
    taken = update(jobs).where(jobs.c.id == row.id).values(state=kinds[row.kind], started_at=now())
    return one(Job, await conn.execute(taken.returning(*jobs.c)))


async def progress(
    conn: AsyncConnection,
    id: int,
    *,
    done: int,
    total: int | None,
    unit: str,
    state: JobState,
    pace: float | None = None,
    kept: bool = False,
) -> bool:
    """Record how far a running job is; what it has `kept` need not be done again after a restart, which
    may then happen any number of times. Returns whether it was asked to stop."""
    values: dict[str, Any] = {"done": done, "total": total, "unit": unit, "state": state}
    values |= {"pace": pace, "updated_at": now()} | ({"attempts": 0} if kept else {})
    running = update(jobs).where(jobs.c.id == id, jobs.c.finished_at.is_(None)).values(values)
    return bool(await conn.scalar(running.returning(jobs.c.cancel_requested)))


async def note(conn: AsyncConnection, id: int, payload: Mapping[str, Any]) -> None:
    """Replace the payload of a job: to what it was asked, its handler adds what it found."""
    await conn.execute(update(jobs).where(jobs.c.id == id).values(payload=dict(payload)))


async def cancel_requested(conn: AsyncConnection, ids: Collection[int]) -> set[int]:
    """Which of these jobs were asked to stop."""
    query = select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.cancel_requested.is_(True))
    return set(await conn.scalars(query))


async def finish(conn: AsyncConnection, id: int, state: JobState, reason: str | None = None) -> None:
    """End a job. One that did not succeed fails its document too, unless that is ready."""
    ended = (
        update(jobs)
        .where(jobs.c.id == id, jobs.c.finished_at.is_(None))
        .values(state=state, reason=reason, finished_at=now())
    )
    document_id = await conn.scalar(ended.returning(jobs.c.document_id))
    if document_id and state != "ready":
        await conn.execute(
            update(documents)
            .where(documents.c.id == document_id, documents.c.state != "ready")
            .values(state="failed", reason=reason)
        )


async def requeue(conn: AsyncConnection, id: int) -> None:
    """Put a running job back, for the next server: this one is told to stop."""
    waiting = {"state": "queued", "started_at": None, "done": 0, "total": None, "pace": None}
    await conn.execute(update(jobs).where(jobs.c.id == id, jobs.c.finished_at.is_(None)).values(waiting))


async def requeue_interrupted(conn: AsyncConnection) -> int:
    """At start: put back the jobs in whose middle the last server ended, and return how many. One that
    was asked to stop is cancelled; one that was interrupted three times before it kept anything fails."""
    query = select(jobs).where(jobs.c.started_at.is_not(None), jobs.c.finished_at.is_(None))
    put_back = 0
    for job in many(Job, await conn.execute(query)):
        attempts = job.attempts + 1
        await conn.execute(update(jobs).where(jobs.c.id == job.id).values(attempts=attempts))
        if job.cancel_requested:
            await finish(conn, job.id, "cancelled", "Cancelled")
        elif attempts >= ATTEMPTS:
            await finish(conn, job.id, "failed", f"The server ended {attempts} times in the middle of it.")
        else:
            await requeue(conn, job.id)
            put_back += 1
    return put_back


def _waiting(kinds: Collection[str], resting: Collection[str] = ()) -> Select[int, str]:
    queued = select(jobs.c.id, jobs.c.kind).where(
        jobs.c.state == "queued", jobs.c.finished_at.is_(None), jobs.c.kind.in_(kinds)
    )
    if resting:
        queued = queued.where(or_(jobs.c.collection_id.is_(None), jobs.c.collection_id.not_in(resting)))
    return queued.order_by(jobs.c.id).limit(1)
