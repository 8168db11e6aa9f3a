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
from typing import Any

import aiosqlite

BUSY_MS = 10_000


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

    async def create_function(self, *_: Any, **__: Any) -> None:
        """Nothing: SQLAlchemy adds a REGEXP to each connection, which no query here uses."""


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
