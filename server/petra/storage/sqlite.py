"""SQLite connections that a cancelled task cannot break.

SQLAlchemy throws a connection away when the task that uses it is cancelled in a statement, and loses
track of it when that task is cancelled once more: the statement goes on in its thread, and its lock and
its place in the pool stay taken. Here what has begun is waited for, and the task is cancelled at its
next await of something else; `Database` makes sure that there is one before the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import aiosqlite

BUSY_MS = 10_000

FETCHED = 256
"""Rows that come with the statement that asks for them."""


def connect(path: str, *pragmas: str) -> sqlite3.Connection:
    """Connect, with transactions left to the caller. Blocks."""
    # The driver must not begin transactions of its own: it does so late, and never before DDL.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (f"busy_timeout = {BUSY_MS}", *pragmas):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def creator(*pragmas: str) -> dict[str, Any]:
    """What an asynchronous engine needs, to connect with these PRAGMAs."""

    async def create(path: str, **_: Any) -> _Connection:
        connection = _Connection(partial(connect, path, *pragmas), iter_chunk_size=64)
        # A loop that ended without closing its connections must not keep the program alive.
        connection._thread.daemon = True
        await _finished(asyncio.ensure_future(_opened(connection)))
        return connection

    return {"connect_args": {"async_creator_fn": create}}


class _Connection(aiosqlite.Connection):
    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if not self._running or not self._connection:
            raise ValueError("Connection closed")  # the words by which SQLAlchemy knows it
        running = asyncio.get_running_loop().create_future()
        self._tx.put_nowait((running, partial(fn, *args, **kwargs)))
        return await _finished(running)

    def cursor(self) -> _Cursor:  # type: ignore[override]
        """A cursor, made here: that asks nothing of the database."""
        return _Cursor(self, self._conn.cursor())

    async def create_function(self, *_: Any, **__: Any) -> None:
        """Nothing: SQLAlchemy adds a REGEXP to each connection, which no query here uses."""


class _Cursor(aiosqlite.Cursor):
    """Executes a statement and fetches its first rows in one go. With one each for making a cursor,
    executing, fetching and closing, a query waited four times for the CPU and for Python's lock."""

    def __init__(self, conn: aiosqlite.Connection, cursor: sqlite3.Cursor) -> None:
        super().__init__(conn, cursor)
        self._rows: list[Any] = []
        self._more = False

    async def execute(self, sql: str, parameters: Any = None) -> _Cursor:
        """See aiosqlite."""
        run = partial(self._run, sql, parameters or ())
        self._rows, self._more = await cast(_Connection, self._conn)._execute(run)
        return self

    def _run(self, sql: str, parameters: Any) -> tuple[list[Any], bool]:
        self._cursor.execute(sql, parameters)
        rows = self._cursor.fetchmany(FETCHED) if self._cursor.description else []
        return rows, len(rows) == FETCHED

    async def fetchone(self) -> Any:
        """See aiosqlite."""
        if not self._rows and self._more:
            return await super().fetchone()
        return self._rows.pop(0) if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """See aiosqlite."""
        size = self.arraysize if size is None else size
        rows, self._rows = self._rows[:size], self._rows[size:]
        if self._more and len(rows) < size:
            rows += await super().fetchmany(size - len(rows))
        return rows

    async def fetchall(self) -> list[Any]:
        """See aiosqlite."""
        rows, self._rows = self._rows, []
        if self._more:
            rows += await super().fetchall()
        return rows

    async def close(self) -> None:
        """Close it, here: nothing of its statement runs any more."""
        self._cursor.close()


async def _opened(connection: aiosqlite.Connection) -> None:
    await connection


async def _finished(running: asyncio.Future[Any]) -> Any:
    """Its result. When the task is cancelled meanwhile, put that off until its next await elsewhere."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
        if task := asyncio.current_task():
            # Taken back and asked for again: `asyncio.timeout` counts how often a task was cancelled.
            task.uncancel()
            task.cancel()
        return running.result()
