import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.exc import IntegrityError

from petra.errors import StorageError
from petra.storage import users
from petra.storage.database import Database
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


async def test_there_is_never_a_second_connection_that_writes(db: Database) -> None:
    """SQLite's WAL-reset bug needs two; cancelling a statement makes SQLAlchemy open another."""
    threads: list[threading.Thread] = []
    overlaps = 0

    @event.listens_for(db._writer.sync_engine, "connect")
    def opened(connection: Any, record: object) -> None:
        nonlocal overlaps
        overlaps += sum(thread.is_alive() for thread in threads)
        threads.append(connection.driver_connection._thread)

    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000) SELECT max(i) FROM n"

    async def write(name: str) -> None:
        async with db.write() as conn:
            await users.create(conn, name, "student")
            await conn.execute(text(slow))

    for round in range(8):
        doomed = asyncio.create_task(write("doomed"))
        await asyncio.sleep(round / 500)
        doomed.cancel()
        await asyncio.sleep(0)
        doomed.cancel()
        await write(f"kept {round}")
        with pytest.raises(asyncio.CancelledError):
            await doomed
    assert len(threads) > 1
    assert not overlaps, "a connection was opened while an earlier one was still at work"
    assert await names(db) == [f"kept {round}" for round in range(8)]


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
