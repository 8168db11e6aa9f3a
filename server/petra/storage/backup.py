"""A copy of all that cannot be made again: the database as of one moment, and the uploads.

Made beside a running server with SQLite's own backup, which sees one snapshot however long it takes.
Indexes are not in it; they come back from the rows. Blocking, standard library only.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from petra.errors import NotFound, StorageError
from petra.platform import sync_folder

DATABASE = "petra.db"
UPLOADS = "uploads"
PAGES = 4096
"""Copied between two looks at whether somebody else wants the disk."""


def make(database: Path, uploads: Path, into: Path) -> Path:
    """Copy both to a new folder below `into`, and return it: it has its name only when it is whole.

    Raises StorageError when the database is damaged or the copy cannot be written, NotFound when there is
    no database.
    """
    if not database.is_file():
        raise NotFound(f"There is no database at {database}", remedy="Give the --data-dir that Petra uses")
    target = into.absolute() / time.strftime("petra-%Y%m%d-%H%M%S")
    part = target.with_name(f".{target.name}.part")
    try:
        part.mkdir(mode=0o700, parents=True)
        _copy_database(database, part / DATABASE)
        # After the database: an upload that came between is one too many, which does no harm.
        if uploads.is_dir():
            shutil.copytree(uploads, part / UPLOADS, ignore=shutil.ignore_patterns("*.part"))
        _sync_all(part)
        part.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StorageError(
            "The backup could not be written",
            cause=f"{into}: {error.strerror or error}",
            remedy="Choose a folder with room that can be written to",
        ) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return target


def restore(backup: Path, database: Path, uploads: Path) -> Path | None:
    """Put a backup in the place of the database, and those of its uploads that are missing. What was there
    is moved aside, not removed: returns where it lies now. Only while no server runs.

    Raises NotFound and StorageError, and has then changed nothing.
    """
    copy = backup / DATABASE
    if not copy.is_file():
        raise NotFound(f"{backup} is no backup", cause=f"It has no {DATABASE}", remedy="Name one: petra-DATE")
    check(copy)
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = database.with_name(f".{database.name}.restored")
    shutil.copyfile(copy, fresh)
    fresh.chmod(0o600)
    _sync(fresh)
    for folder in sorted((backup / UPLOADS).glob("*")):
        if not (uploads / folder.name).exists():
            shutil.copytree(folder, uploads / folder.name)
            _sync_all(uploads / folder.name)
    aside = _move_aside(database)
    fresh.replace(database)
    sync_folder(database.parent)
    return aside


def check(database: Path) -> None:
    """Look through a database without being able to change it. Raises StorageError when it is damaged."""
    found = "it is not a database"
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as conn:
            found = str(conn.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise StorageError(
            f"{database} is damaged", cause=found, remedy="Take an older backup; nothing was changed"
        )


def _copy_database(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as conn,
            closing(sqlite3.connect(target)) as copy,
        ):
            conn.backup(copy, pages=PAGES, sleep=0.01)
    except sqlite3.DatabaseError as error:
        raise StorageError(
            "The backup could not be made",
            cause=f"{source}: {error}",
            remedy="See that the disk has room. A damaged database: petra restore BACKUP",
        ) from error
    check(target)
    target.chmod(0o600)


def _move_aside(database: Path) -> Path | None:
    """The database with what belongs to it, in a folder of its own."""
    parts = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
    if not any(path.exists() for path in parts):
        return None
    aside = database.parent / time.strftime("damaged-%Y%m%d-%H%M%S")
    aside.mkdir(mode=0o700)
    # The log first: without it, the file it belongs to is only older; the other way round a new
    # database could meet an old log.
    for path in reversed(parts):
        if path.exists():
            path.replace(aside / path.name)
    return aside


def _sync_all(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync(path) if path.is_file() else sync_folder(path)
    sync_folder(folder)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
