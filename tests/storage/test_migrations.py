import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateTable

from petra.errors import StorageError
from petra.storage import chunks, documents, migrations
from petra.storage.database import Database
from petra.storage.tables import metadata
from tests.durability import old_database

from .conftest import sqlite


def test_the_migrations_lead_to_the_tables(empty: Path) -> None:
    engine = create_engine(f"sqlite:///{empty}")
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        # Alembic compares neither checks nor defaults nor AUTOINCREMENT.
        for table in metadata.sorted_tables:
            query = "SELECT sql FROM sqlite_master WHERE name = ?"
            made = conn.exec_driver_sql(query, (table.name,)).scalar()
            wanted = str(CreateTable(table).compile(engine))
            assert clauses(str(made)) == clauses(wanted)
    engine.dispose()


def clauses(sql: str) -> set[str]:
    # A column that was added later stands on the line of the one before it.
    lines = [part for line in sql.strip().splitlines() for part in re.split(r", (?=[a-z_]+ [A-Z])", line)]
    return {line.strip().rstrip(",").replace('"', "") for line in lines} - {""}


def test_head_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


async def test_what_the_first_release_wrote_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "petra.db"
    await asyncio.to_thread(old_database.make, path)
    db = await Database.open(sqlite(path))
    async with db.read() as conn_:
        (kept,) = await chunks.of_document(conn_, "d6")
        document = await documents.get(conn_, "d6")
        assert (kept.id, kept.text, kept.lines, kept.overlap, kept.gap) == (7, "text 6", (1, 2), 0, "\n")
        assert document and (document.path, document.chunker) == ("6.md", "")
    await db.close()


async def test_a_database_that_is_newer_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(StorageError) as caught:
        await Database.open(sqlite(path))
    assert "newer" in caught.value.what and "9999" in caught.value.cause and caught.value.remedy
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", [0, 40, 4096 * 3], ids=["magic", "header", "page"])
async def test_a_damaged_database_stops_and_is_left_alone(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place : place + 32] = b"\xa5" * 32
    path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        await Database.open(sqlite(path))
    assert "damaged" in caught.value.what and "backup" in caught.value.remedy
    assert path.read_bytes() == content


async def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("CREATE TABLE recipes (name)")
    with pytest.raises(StorageError, match="not Petra's"):
        await Database.open(sqlite(path))
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


async def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "petra.db"

    @event.listens_for(Engine, "before_cursor_execute")
    def fail(conn: object, cursor: object, statement: str, *rest: object) -> None:
        if "CREATE TABLE jobs" in statement:
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            await asyncio.to_thread(lambda: asyncio.run(Database.open(sqlite(path))))
    finally:
        event.remove(Engine, "before_cursor_execute", fail)
    with closing(sqlite3.connect(path)) as conn:
        assert conn.execute("SELECT name FROM sqlite_master").fetchall() == []
    await (await Database.open(sqlite(path))).close()


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        await Database.open(sqlite(tmp_path / "file" / "petra.db"))
    assert caught.value.remedy


async def test_a_server_that_is_away_is_said_without_its_password() -> None:
    with pytest.raises(StorageError) as caught:
        await Database.open("postgresql+psycopg://petra:secret@127.0.0.1:1/petra")
    assert "DATABASE_URL" in caught.value.remedy and "secret" not in str(caught.value)
