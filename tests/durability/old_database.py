"""A database as the first release left it, and whether what it held is still there."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from petra.storage import chunks, documents, migrations
from petra.storage.database import Database

DOCUMENTS = 20


def make(path: Path) -> None:
    """Write it."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0001")
        conn.exec_driver_sql("INSERT INTO users VALUES ('u', 'Ada', 'owner', 1)")
        conn.exec_driver_sql("INSERT INTO collections VALUES ('c', 'u', 'course', NULL, 3, 1)")
        for n in range(DOCUMENTS):
            conn.exec_driver_sql(
                "INSERT INTO documents VALUES (?, 'c', 'u', NULL, ?, 'a', 'text/markdown', 3, 'x',"
                " NULL, NULL, 'ready', NULL, 3, NULL, 1)",
                (f"d{n}", f"{n}.md"),
            )
            conn.exec_driver_sql(
                "INSERT INTO chunks VALUES (?, ?, 'c', 3, NULL, 0, 'A', ?, NULL, NULL, 1, 2, 'hash')",
                (n + 1, f"d{n}", f"text {n}"),
            )
    engine.dispose()


async def still_there(db: Database) -> list[str]:
    """What of it is not there any more."""
    async with db.read() as conn:
        listed = {item.id: item.path for item in await documents.list_in(conn, "c")}
        texts = {id: [row.text for row in await chunks.of_document(conn, id)] for id in listed}
    wanted = {f"d{n}": f"{n}.md" for n in range(DOCUMENTS)}
    found = [] if listed == wanted else [f"documents are {listed}"]
    return found + [f"{id} has {text}" for id, text in texts.items() if text != [f"text {id[1:]}"]]
