"""The same tables and queries on a real PostgreSQL. One server for all that is asked of it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from petra.errors import StorageError
from petra.storage import (
    chunks,
    collections,
    conversations,
    documents,
    jobs,
    symbols,
    unembedded,
    users,
    vectors,
)
from petra.storage.database import Database
from petra.storage.job_runner import JobContext, JobRunner
from petra.storage.migrations import HEAD
from petra.storage.tables import metadata
from tests.storage.rows import put_chunks

from . import postgresql
from .conftest import add_document, chunk
from .test_collections import (  # noqa: F401
    test_a_collection_goes_with_what_is_its_own,
    test_empty_is_what_nothing_was_ever_read_into,
    test_folders_are_followed_as_they_were_indexed,
    test_what_was_stopped_before_it_was_read_is_not_followed,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the classroom server runs on Unix")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with postgresql.server() as address:
        yield address


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    async with database.write() as conn:
        await conn.execute(text("DELETE FROM users"))
    await database.close()


async def test_the_migrations_lead_to_the_tables(db: Database) -> None:
    def differences(conn: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), metadata))

    async with db.read() as conn:
        assert await conn.run_sync(differences) == []


async def test_two_servers_may_start_at_once(url: str, db: Database) -> None:
    async with db.write() as conn:
        await conn.run_sync(metadata.drop_all)
        await conn.execute(text("DROP TABLE alembic_version"))
    for database in await asyncio.gather(Database.open(url), Database.open(url)):
        await database.close()


async def test_documents_chunks_and_vectors(db: Database) -> None:
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        collection = await collections.create(conn, owner.id, "course")
    document = await add_document(db, collection)
    async with db.write() as conn:
        revision = await collections.bump(conn, collection.id)
        new = [chunk(f"Grüße 🜁 {i}", i, pages=(i, i + 1)) for i in range(1203)]
        old = await put_chunks(conn, document.id, collection.id, new, revision)
        await vectors.put_many(conn, owner.id, "minilm", {c.text_hash: b"\x00\xff" for c in new})
        await vectors.put_many(conn, owner.id, "minilm", {new[0].text_hash: b"other"})
    async with db.write() as conn:
        later = await collections.bump(conn, collection.id)
        ids = await put_chunks(conn, document.id, collection.id, new[:3], later)
    async with db.read() as conn:
        assert [c.text for c in await chunks.get_many(conn, ids[::-1])] == [c.text for c in new[2::-1]]
        assert [c.id for c in await chunks.added_since(conn, collection.id, 0)] == ids
        assert await chunks.deleted_since(conn, collection.id, revision) == old
        assert len(await vectors.get_many(conn, owner.id, "minilm", [c.text_hash for c in new])) == 1203
        assert await documents.by_digest(conn, collection.id, document.digest) == document
        assert await unembedded.ids(conn, collection, "minilm", 9) == []
        assert await unembedded.ids(conn, collection, "other", 2, [document.id]) == ids[:2]
        assert await unembedded.size(conn, collection, "other") == len("Grüße 🜁 0".encode()) * 3
        assert await unembedded.in_collections(conn, "other") == [await collections.get(conn, collection.id)]
    async with db.write() as conn:
        await documents.put_many(conn, [document])
        await documents.touch(conn, list((await documents.known(conn, collection.id)).values()))
    async with db.write() as conn:
        names = ["größe", "Größer", "groß", "GRÖSSE", "_grö"]
        found = [(document.id, symbols.NewSymbol(name, "function", "", (1, 2))) for name in names]
        await symbols.add(conn, collection.id, found)
        again = await symbols.find(conn, "größe", [collection.id], 9, prefix=True)
        assert [item.name for item in again] == ["größe", "GRÖSSE", "Größer"]
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            await collections.create(conn, owner.id, "course")


async def test_conversations(db: Database) -> None:
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        conversation = await conversations.create(conn, owner.id, "Hello")
        question = await conversations.add_message(conn, conversation.id, "user", "hello")
        answer = await conversations.add_message(
            conn, conversation.id, "assistant", "", question.id, "streaming"
        )
        parts = [(0, "text", {"kind": "text", "text": "good \u0001 day"})]
        await conversations.append_parts(conn, answer.id, parts)
    async with db.read() as conn:
        assert await conversations.history(conn, answer.id) == [question, answer]
        assert await conversations.parts_after(conn, answer.id, -1) == parts
    async with db.write() as conn:
        assert await conversations.interrupt_streaming(conn) == 1


async def test_jobs(db: Database) -> None:
    async def handler(context: JobContext) -> None:
        await context.progress(1, total=2, unit="pages", state="embedding")

    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        job = await jobs.enqueue(conn, "work", owner.id, {"path": "a"})
    runner = JobRunner(db, {"work": handler})
    await runner.start()
    done = await runner.wait(job.id)
    await runner.stop()
    assert (done.state, done.done, done.payload) == ("ready", 1, {"path": "a"})


async def test_a_read_sees_one_moment(db: Database) -> None:
    async with db.read() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM users")) == 0
        async with db.write() as writer:
            await users.create(writer, "ada", "student")
        assert await conn.scalar(text("SELECT count(*) FROM users")) == 0


async def test_a_connection_that_breaks_is_said_and_the_next_works(db: Database) -> None:
    with pytest.raises(StorageError) as caught:
        async with db.write() as conn:
            await users.create(conn, "lost", "student")
            pid = await conn.scalar(text("SELECT pg_backend_pid()"))
            async with db.read() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await users.create(conn, "lost too", "student")
    assert caught.value.retryable
    async with db.write() as conn:
        assert (await users.create(conn, "kept", "student")).name == "kept"
        assert await conn.scalar(text("SELECT count(*) FROM users")) == 1


async def test_a_database_that_is_newer_is_refused(url: str, db: Database) -> None:
    async with db.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    try:
        with pytest.raises(StorageError, match="newer"):
            await Database.open(url)
    finally:
        async with db.write() as conn:
            await conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
