"""The engines behind `Database`, one for its writer and one for its readers.

SQLite below 3.51.3 can lose committed pages when two connections write or checkpoint at the same time
(the WAL-reset bug; Debian 12 ships 3.40.1). So the writer's pool has room for one connection, the
readers are told to refuse writing, and the writer is closed last, because the last to close tidies the
write-ahead log.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from petra.storage import sqlite

READERS = 8
_COMMON: dict[str, Any] = {
    # An error's text would otherwise quote the row, and with it people's words, into the log.
    "hide_parameters": True,
    "json_serializer": partial(json.dumps, allow_nan=False),
}


def writer(url: URL) -> AsyncEngine:
    """An engine of one connection whose transactions hold the write lock from their beginning."""
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, **_COMMON)
    # NORMAL would lose the last commits in a power cut (4 ms a commit at FULL, 0.08 ms at NORMAL).
    connect = sqlite.creator("foreign_keys = ON", "synchronous = FULL")
    engine = create_async_engine(url, pool_size=1, max_overflow=0, **connect, **_COMMON)
    _begin_with(engine.sync_engine, "BEGIN IMMEDIATE")
    return engine


def readers(url: URL) -> AsyncEngine:
    """An engine of a few connections that cannot write, each transaction a snapshot."""
    pool = {"pool_size": READERS, "max_overflow": 0}
    if url.get_backend_name() != "sqlite":
        snapshot = {"isolation_level": "REPEATABLE READ", "pool_pre_ping": True}
        return create_async_engine(url, **snapshot, **pool, **_COMMON)
    engine = create_async_engine(url, **sqlite.creator("query_only = ON"), **pool, **_COMMON)
    _begin_with(engine.sync_engine, "BEGIN")
    return engine


def for_migration(url: URL) -> Engine:
    """A blocking engine whose transactions cover the DDL too: a migration happens or does not.

    Foreign keys stay off: SQLite changes a table by making it anew, and dropping the old one would
    delete all rows that point to it.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, poolclass=NullPool)
    connect = partial(sqlite.connect, str(url.database), "journal_mode = WAL", "synchronous = FULL")
    engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool, creator=connect)
    _begin_with(engine, "BEGIN IMMEDIATE")
    return engine


def _begin_with(engine: Engine, begin: str) -> None:
    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)
