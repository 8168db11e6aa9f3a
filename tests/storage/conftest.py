import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from petra.storage import collections, documents, users
from petra.storage.chunks import NewChunk
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Document
from petra.storage.users import User


@pytest.fixture(autouse=True)
def never_block() -> Iterator[None]:
    """Whatever holds the event loop in this room fails the test."""
    with blockbuster_ctx("petra"):
        yield


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: migrating anew takes 20 times as long as opening."""
    path = tmp_path_factory.mktemp("empty") / "petra.db"

    async def make() -> None:
        await (await Database.open(sqlite(path))).close()

    asyncio.run(make())
    return path


@pytest.fixture
def path(empty: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty, tmp_path / "petra.db"))


@pytest.fixture
async def db(path: Path) -> AsyncIterator[Database]:
    database = await Database.open(sqlite(path))
    yield database
    await database.close()


@pytest.fixture
async def owner(db: Database) -> User:
    async with db.write() as conn:
        return await users.ensure_owner(conn)


@pytest.fixture
async def collection(db: Database, owner: User) -> Collection:
    async with db.write() as conn:
        return await collections.create(conn, owner.id, "course")


def sqlite(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def chunk(text: str, ordinal: int = 0, **where: tuple[int, int] | None) -> NewChunk:
    digest = hashlib.sha256(f"Header\n{text}".encode()).hexdigest()
    return NewChunk(ordinal, "Header", text, where.get("pages"), where.get("lines"), digest)


async def add_document(
    db: Database, collection: Collection, path: str = "notes.md", digest: str = "0" * 64
) -> Document:
    async with db.write() as conn:
        return await documents.add(
            conn,
            collection_id=collection.id,
            owner_id=collection.owner_id,
            path=path,
            title=path,
            media_type="text/markdown",
            size=12,
            digest=digest,
            revision=await collections.bump(conn, collection.id),
            state="ready",
        )
