"""Bringing a database to the tables of this program, in a thread, before anything else opens it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

from petra.errors import StorageError
from petra.storage import engines, faults
from petra.storage.migrations import HEAD

_LOCK = 0x7065747261
"""Any number: servers that share a PostgreSQL migrate it one after the other."""


def upgrade(url: URL) -> None:
    """Make a new database, or migrate an old one in one transaction. Blocks.

    Raises StorageError, before anything is written, for a database that is damaged, newer than this
    program or not Petra's.
    """
    if url.get_backend_name() == "sqlite":
        _check_file(url)
    with engines.for_migration(url).connect() as conn:
        current = _revision(conn)
        if current != HEAD:
            _migrate(conn, current, str(url.database))
            conn.commit()


def _check_file(url: URL) -> None:
    """Look through an existing file without being able to change it."""
    if not url.database or url.database == ":memory:":
        raise StorageError("The database needs a file", remedy="Set DATABASE_URL=sqlite+aiosqlite:///FILE")
    path = Path(url.database).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            "The database cannot be made",
            cause=f"{path.parent}: {error.strerror}",
            remedy="Set DATA_DIR or DATABASE_URL to a place that can be written to",
        ) from error
    if not path.exists() or path.stat().st_size == 0:
        return
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as conn:
        found = [row[0] for row in conn.execute("PRAGMA quick_check(1)")]
    if found != ["ok"]:
        raise faults.damaged(str(path), found[0])


def _revision(conn: Connection) -> str | None:
    tables = inspect(conn).get_table_names()
    if "alembic_version" in tables:
        revision: str | None = conn.scalar(text("SELECT version_num FROM alembic_version"))
        return revision
    if tables:
        raise StorageError(
            "The database is not Petra's",
            cause=f"It has tables that Petra did not make: {', '.join(sorted(tables)[:5])}",
            remedy="Set DATABASE_URL to an empty database, or DATA_DIR to another folder",
        )
    return None


def _migrate(conn: Connection, current: str | None, where: str) -> None:
    # Only now: it takes a quarter of a second, and most starts find the tables as they should be.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = conn
    try:
        ScriptDirectory.from_config(config).get_revision(current or "base")
    except CommandError as error:
        raise faults.newer(where, str(current), HEAD) from error
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    command.upgrade(config, "head")
