"""Which collections mirror a folder."""

from __future__ import annotations

from petra.storage import collections, jobs
from petra.storage.database import Database
from petra.storage.users import User


async def test_only_folders_that_were_indexed_as_a_whole_are_mirrored(db: Database, owner: User) -> None:
    async with db.write() as conn:
        await collections.create(conn, owner.id, "uploads")
        whole = await collections.create(conn, owner.id, "whole", "/whole")
        one = await collections.create(conn, owner.id, "one file", "/one")
        await collections.create(conn, owner.id, "never", "/never")
        for collection, only in ((whole, "a.md"), (whole, None), (one, "a.md")):
            await jobs.enqueue(conn, "index", owner.id, {"only": only}, collection.id)
        await jobs.enqueue(conn, "embed", owner.id, {}, one.id)
    async with db.read() as conn:
        assert [item.name for item in await collections.mirroring(conn)] == ["whole"]
