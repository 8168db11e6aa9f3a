"""The database: one connection that writes, several that read, on SQLite or PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from petra.storage import engines, faults, upgrade

Connection = AsyncConnection
"""What `read` and `write` give: to hand to the queries of this room."""


class Database:
    """Open with `Database.open`. What was written survives a power cut once `write()` has returned."""

    def __init__(self, url: URL, writer: AsyncEngine, readers: AsyncEngine) -> None:
        self.url = url.render_as_string(hide_password=False)
        self._url = url
        self._writer = writer
        self._readers = readers
        self._turn = asyncio.Lock()
        self._writing: asyncio.Task[Any] | None = None
        self._damaged: faults.Damaged | None = None

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect to `sqlite+aiosqlite:///file` or `postgresql+psycopg://…`, its tables up to date.

        Raises StorageError, and has then changed nothing, when the database is newer than this program,
        damaged or away.
        """
        parsed = make_url(url)
        with faults.explained(parsed):
            await asyncio.to_thread(upgrade.upgrade, parsed)
            # In a thread because SQLAlchemy asks for the current folder.
            writer = await asyncio.to_thread(engines.writer, parsed)
            readers = await asyncio.to_thread(engines.readers, parsed)
            database = cls(parsed, writer, readers)
            # The first connection of an engine asks the database about itself; a task that is cancelled
            # in that would leave the connection open.
            async with writer.connect(), readers.connect():
                return database

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)})"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database, however many queries it is asked.

        Keep it short: while it is open, the write-ahead log cannot be tidied. Raises StorageError.
        """
        try:
            with self._explained():
                async with self._readers.connect() as conn:
                    yield conn
        finally:
            await _cancel_now()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """The one connection that writes, for one transaction: committed on exit, rolled back on error.

        Writers take turns, so keep it short and compute before. What it reads cannot change before it
        commits. Raises StorageError; once the file was found damaged, always.
        """
        if self._damaged:
            raise faults.Damaged(self._damaged.what, cause=self._damaged.cause, remedy=self._damaged.remedy)
        task = asyncio.current_task()
        if self._writing is task:
            raise RuntimeError("write() inside write(): pass the connection on instead")
        async with self._turn:
            self._writing = task
            try:
                with self._explained():
                    async with self._writer.begin() as conn:
                        yield conn
                        await _cancel_now()
            finally:
                self._writing = None
                await _cancel_now()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            with faults.explained(self._url):
                yield
        except faults.Damaged as error:
            self._damaged = error
            raise

    async def close(self) -> None:
        """Close every connection; the last one tidies the write-ahead log away."""
        await self._readers.dispose()
        async with self._turn:
            await self._writer.dispose()


async def _cancel_now() -> None:
    """Where a task ends that was cancelled in a statement (see sqlite.py)."""
    await asyncio.sleep(0)
