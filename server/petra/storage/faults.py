"""What a database driver reports, in words that help."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from petra.errors import StorageError

_FULL = ("disk is full", "disk i/o error", "no space left", "readonly database", "could not extend file")
_DAMAGED = ("malformed", "not a database", "file is encrypted", "unsupported file format")
_BUSY = ("database is locked", "database table is locked")


class Damaged(StorageError):
    """The database file cannot be trusted: nothing may be written to it any more."""


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn an error of the database itself into a StorageError; an error in our use of it stays."""
    try:
        yield
    except (DataError, IntegrityError, NotSupportedError, ProgrammingError):
        raise
    except (DBAPIError, sqlite3.DatabaseError, PoolTimeout) as error:
        raise explain(error, url) from error


def explain(error: Exception, url: URL) -> StorageError:
    """The StorageError for a driver's error. The text of the error has no data of the statement."""
    sqlite = url.get_backend_name() == "sqlite"
    where = str(url.database) if sqlite else f"{url.host or 'localhost'}/{url.database}"
    reported = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    lower = reported.lower()
    if sqlite and any(words in lower for words in _DAMAGED):
        return damaged(where, reported)
    if any(words in lower for words in _FULL):
        return _retryable(
            StorageError(
                "Petra cannot save anything now",
                cause=f"{where}: {reported}",
                remedy="Make room on its disk and see that it can be written to, then try again",
            )
        )
    if any(words in lower for words in _BUSY):
        return _retryable(
            StorageError(
                "The database is in use by another program",
                cause=f"{where}: {reported}",
                remedy="Close the program that has it open, and try again",
            )
        )
    remedy = (
        "See that the folder exists and that the file can be read and written"
        if sqlite
        else "See that PostgreSQL is running and that DATABASE_URL is right, and try again"
    )
    return _retryable(
        StorageError("The database does not answer", cause=f"{where}: {reported}", remedy=remedy)
    )


def damaged(where: str, reported: str) -> Damaged:
    """The error for a database file that cannot be trusted."""
    return Damaged(
        "The database is damaged",
        cause=f"{where}: {reported}",
        remedy="Run `petra stop`, then `petra restore BACKUP` with a folder that `petra backup` made; the "
        f"damaged file is kept. Without a backup, `sqlite3 {where} .recover` saves what can still be read",
    )


def newer(where: str, revision: str, known: str) -> StorageError:
    """The database was made by a later version of the program."""
    return StorageError(
        "The database is newer than this program",
        cause=f"{where} is at revision {revision}, this program knows them up to {known}",
        remedy="Install the newer version of Petra again, or restore a backup from before the upgrade",
    )


def _retryable(error: StorageError) -> StorageError:
    error.retryable = True
    return error
