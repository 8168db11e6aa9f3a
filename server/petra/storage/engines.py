"""The engines behind `Database`, one for its writer and one for its readers.

SQLite below 3.51.3 can lose committed pages when two connections write or checkpoint at the same time
(the WAL-reset bug; Debian 12 ships 3.40.1). So the writer's pool has room for one connection, which is
only replaced when it has ended; the readers are told to refuse writing; and the writer is closed last,
because the last to close tidies the write-ahead log.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from functools import partial
from typing import Any

import aiosqlite
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

READERS = 4
BUSY_MS = 10_000
_COMMON: dict[str, Any] = {
    # An error's text would otherwise quote the row, and with it people's words, into the log.
    "hide_parameters": True,
    "json_serializer": partial(json.dumps, allow_nan=False),
}


def writer(url: URL) -> AsyncEngine:
    """An engine of one connection whose transactions hold the write lock from their beginning."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, **_COMMON)
    connect = {"async_creator_fn": _OneAtATime()}
    engine = create_async_engine(url, pool_size=1, max_overflow=0, connect_args=connect, **_COMMON)
    # NORMAL would lose the last commits in a power cut (4 ms a commit at FULL, 0.08 ms at NORMAL).
    _prepare(engine.sync_engine, "BEGIN IMMEDIATE", "foreign_keys = ON", "synchronous = FULL")
    return engine


def readers(url: URL) -> AsyncEngine:
    """An engine of a few connections that cannot write, each transaction a snapshot."""
    pool = {"pool_size": READERS, "max_overflow": READERS}
    if url.get_backend_name() != "sqlite":
        snapshot = {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
        return create_async_engine(url, **snapshot, **pool, **_COMMON)
    connect = {"async_creator_fn": _connect}
    engine = create_async_engine(url, connect_args=connect, **pool, **_COMMON)
    _prepare(engine.sync_engine, "BEGIN", "query_only = ON")
    return engine


def prepare_migration(engine: Engine) -> None:
    """Make the transactions of a SQLite engine cover its DDL, so that a migration happens or does not.

    Foreign keys stay off: SQLite changes a table by making it anew, and dropping the old one would
    delete all rows that point to it.
    """
    _prepare(engine, "BEGIN IMMEDIATE", "journal_mode = WAL", "synchronous = FULL")


class _Connection(aiosqlite.Connection):
    """Ends its transaction before it closes, and closes once however often it is told to.

    SQLAlchemy closes a connection whose statement was cancelled, and a second time when that is
    cancelled too. SQLite keeps a closed connection, with its locks, until its last cursor is gone, and
    a traceback can hold a cursor for long.
    """

    _ending: asyncio.Future[Any] | None = None

    async def close(self) -> None:
        if ending := self.stop():
            await asyncio.shield(ending)

    def stop(self) -> asyncio.Future[Any] | None:
        if self._ending is None:
            if self._connection is not None:
                self._tx.put_nowait((None, self._connection.rollback))
            self._ending = super().stop()
        return self._ending


async def _connect(*args: Any, **options: Any) -> _Connection:
    connection = _Connection(partial(sqlite3.connect, *args, **options), iter_chunk_size=64)
    connection._thread.daemon = True
    await connection
    return connection


class _OneAtATime:
    """Opens a connection once the thread of the one before it has ended: that one may have been closed
    under a cancelled statement which is still running."""

    def __init__(self) -> None:
        self._last: threading.Thread | None = None

    async def __call__(self, *args: Any, **options: Any) -> _Connection:
        if self._last is not None:
            await asyncio.to_thread(self._last.join)
        connection = await _connect(*args, **options)
        self._last = connection._thread
        return connection


def _prepare(engine: Engine, begin: str, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        # The driver must not begin transactions of its own: it does so late, and never before DDL.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (f"busy_timeout = {BUSY_MS}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
