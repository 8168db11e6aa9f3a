import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.exc import IntegrityError

from petra.errors import StorageError
from petra.storage import users
from petra.storage.database import Database
from petra.storage.engines import READERS
from petra.storage.tables import users as table

from .conftest import sqlite


async def names(db: Database) -> list[str]:
    async with db.read() as conn:
        return list(await conn.scalars(table.select().with_only_columns(table.c.name).order_by("name")))


async def test_a_write_is_seen_by_the_next_read(db: Database) -> None:
    async with db.write() as conn:
        await users.create(conn, "ada", "student")
    assert await names(db) == ["ada"]


async def test_a_write_that_fails_leaves_nothing(db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.write() as conn:
            await users.create(conn, "ada", "student")
            raise ZeroDivisionError
    assert await names(db) == []


async def test_a_read_sees_one_moment(db: Database) -> None:
    async with db.read() as conn:
        before = await conn.scalar(text("SELECT count(*) FROM users"))
        async with db.write() as writer:
            await users.create(writer, "ada", "student")
        assert await conn.scalar(text("SELECT count(*) FROM users")) == before


async def test_a_reader_cannot_write(db: Database) -> None:
    with pytest.raises(StorageError):
        async with db.read() as conn:
            await conn.execute(text("DELETE FROM users"))


async def test_writes_take_turns_and_none_is_lost(db: Database) -> None:
    async def add(name: str) -> None:
        async with db.write() as conn:
            count = await conn.scalar(text("SELECT count(*) FROM users"))
            await users.create(conn, f"{count:03}", "student")

    await asyncio.gather(*(add(str(i)) for i in range(40)))
    assert await names(db) == [f"{i:03}" for i in range(40)]


async def test_a_write_inside_a_write_is_refused_and_does_not_hang(db: Database) -> None:
    async with db.write():
        with pytest.raises(RuntimeError, match="pass the connection on"):
            async with db.write():
                pass


async def test_cancelling_loses_no_connection(path: Path, db: Database) -> None:
    """SQLAlchemy alone would leave statements running on connections it has forgotten, and open others
    beside them; a second writer is what SQLite's WAL-reset bug needs."""
    random = Random(0)  # noqa: S311 - not a secret
    opened: list[object] = []
    for engine in (db._writer, db._readers):
        event.listen(engine.sync_engine, "connect", lambda connection, _: opened.append(connection))
    kept = 0

    async def read() -> None:
        async with db.read() as conn:
            await conn.execute(text("SELECT * FROM users"))

    async def write() -> None:
        nonlocal kept
        async with db.write() as conn:
            await users.create(conn, "first half", "student")
            await users.create(conn, "other half", "student")
        kept += 2

    for _ in range(60):
        tasks = [asyncio.create_task(call()) for call in random.choices([read, write], k=6)]
        for _ in range(2):
            await asyncio.sleep(random.random() / 200)
            for task in random.choices(tasks, k=4):
                task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert ended is None or isinstance(ended, asyncio.CancelledError)
    await asyncio.gather(read(), write())
    assert len(opened) < READERS + 1
    written = await names(db)
    assert len(written) >= kept and written.count("first half") == written.count("other half")
    await db.close()
    assert [file.name for file in path.parent.iterdir()] == ["petra.db"]


async def test_a_deadline_ends_a_long_statement_as_a_deadline(db: Database) -> None:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT max(i) FROM n"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005), db.write() as conn:
            await users.create(conn, "ada", "student")
            await conn.execute(text(slow))
    assert await names(db) == []


async def test_foreign_keys_hold(db: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as conn:
            await conn.execute(
                text("INSERT INTO conversations (id, user_id, title, created_at) VALUES ('c', 'no', :t, 0)"),
                {"t": "a private title"},
            )
    assert "private" not in str(caught.value)


async def test_an_error_does_not_quote_the_row(db: Database) -> None:
    row = {"id": "x", "name": "a private name", "role": "student", "created_at": 0}
    with pytest.raises(IntegrityError) as caught:
        async with db.write() as conn:
            await conn.execute(insert(table), [row, row])
    assert "private" not in str(caught.value)


async def test_closing_leaves_one_file(path: Path, db: Database) -> None:
    async with db.write() as conn:
        await users.create(conn, "ada", "student")
    await db.close()
    assert [file.name for file in path.parent.iterdir()] == ["petra.db"]


async def test_a_full_disk_is_said_and_passes(db: Database) -> None:
    async with db.write() as conn:
        pages = await conn.scalar(text("PRAGMA page_count"))
        await conn.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(StorageError) as caught:
        async with db.write() as conn:
            await users.create(conn, "x" * 100_000, "student")
    assert "full" in caught.value.cause and caught.value.retryable
    assert await names(db) == []
    async with db.write() as conn:
        await conn.execute(text("PRAGMA max_page_count = 1000000"))
        await users.create(conn, "ada", "student")
    assert await names(db) == ["ada"]


WRITER = """
import asyncio, sys
from petra.storage import users
from petra.storage.database import Database
from petra.storage.engines import READERS

async def main():
    db = await Database.open(sys.argv[1])
    for i in range(1_000_000):
        async with db.write() as conn:
            user = await users.create(conn, str(i), "student")
        print(user.id, flush=True)

asyncio.run(main())
"""


def test_kill_9_loses_nothing_that_was_acknowledged(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, sqlite(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    acknowledged = [process.stdout.readline().strip() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.read().split("\n")[:-1]
    process.wait()
    process.stdout.close()
    with sqlite3.connect(path) as conn:
        there = {row[0] for row in conn.execute("SELECT id FROM users")}
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    conn.close()
    assert {id for id in acknowledged if len(id) == 32} <= there
