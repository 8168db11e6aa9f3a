"""What was written is on the disk when `write()` returns."""

from __future__ import annotations

from sqlalchemy import text

from petra.storage.database import Database

FULL = 2


async def test_the_connection_that_writes_syncs_fully(db: Database) -> None:
    for _ in range(2):  # the first one, and one that was opened anew
        async with db.write() as conn:
            assert await conn.scalar(text("PRAGMA synchronous")) == FULL
            assert await conn.scalar(text("PRAGMA journal_mode")) == "wal"
            assert await conn.scalar(text("PRAGMA foreign_keys")) == 1
        await db._writer.dispose()


async def test_the_others_cannot_write(db: Database) -> None:
    async with db.read() as conn:
        assert await conn.scalar(text("PRAGMA query_only")) == 1
