"""Which collections follow what, and which are empty."""

from __future__ import annotations

from petra.storage import collections, jobs
from petra.storage.database import Database
from petra.storage.users import User


async def test_folders_are_followed_as_they_were_indexed(db: Database, owner: User) -> None:
    async with db.write() as conn:
        await collections.create(conn, owner.id, "uploads")
        whole = await collections.create(conn, owner.id, "whole", "/whole")
        one = await collections.create(conn, owner.id, "one file", "/one")
        await collections.create(conn, owner.id, "never", "/never")
        for collection, only in ((whole, "a.md"), (whole, None), (one, "a.md")):
            await jobs.enqueue(conn, "index", owner.id, {"only": only}, collection.id)
        await jobs.enqueue(conn, "embed", owner.id, {}, one.id)
    async with db.read() as conn:
        followed = {item.name: only for item, only in await collections.followed(conn)}
        assert followed == {"whole": None, "one file": {"a.md"}}


async def test_what_was_stopped_before_it_was_read_is_not_followed(db: Database, owner: User) -> None:
    async with db.write() as conn:
        stopped = await collections.create(conn, owner.id, "stopped", "/stopped")
        first = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        second = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        single = await jobs.enqueue(conn, "index", owner.id, {"only": "a.md"}, stopped.id)
        assert await jobs.same_as(conn, first) == [first.id, second.id]
        assert await jobs.same_as(conn, single) == []
        for job in (first, second, single):
            await jobs.request_cancel(conn, job.id)
        assert await collections.followed(conn) == []
        again = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        assert await collections.followed(conn) == [(stopped, None)]
        await jobs.finish(conn, again.id, "ready")
        last = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        await jobs.request_cancel(conn, last.id)
        assert await collections.followed(conn) == [(stopped, None)]


async def test_empty_is_what_nothing_was_ever_read_into(db: Database, owner: User) -> None:
    async with db.write() as conn:
        tried = await collections.create(conn, owner.id, "tried", "/tried")
        read = await collections.create(conn, owner.id, "read", "/read")
        for collection, state in ((tried, "failed"), (read, "ready")):
            job = await jobs.enqueue(conn, "index", owner.id, {"only": None}, collection.id)
            await jobs.finish(conn, job.id, state)  # type: ignore[arg-type]
        assert await collections.is_empty(conn, tried.id)
        assert not await collections.is_empty(conn, read.id)
