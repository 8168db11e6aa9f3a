"""No query that a person waits for reads a whole table."""

from typing import Any

from sqlalchemy import event

from petra.storage import chunks, collections, conversations, documents, jobs, unembedded, vectors
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.users import User
from tests.storage.rows import put_chunks

from .conftest import add_document, chunk

SMALL = {"users", "collections", "branch", "ix_jobs_open", "ix_messages_streaming"}
"""The people, their collections, one branch of messages, and the indices of only what is not finished."""


async def test_every_query_uses_an_index(db: Database, owner: User, collection: Collection) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(
        conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        asked.append((statement, parameters[0] if executemany else parameters))

    engines = [db._writer.sync_engine, db._readers.sync_engine]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", listen)
    await everything(db, owner, collection)
    for engine in engines:
        event.remove(engine, "before_cursor_execute", listen)

    kinds = ("SELECT", "UPDATE", "DELETE", "WITH")
    async with db.read() as conn:
        for statement, parameters in asked:
            if not statement.lstrip().startswith(kinds):
                continue
            plan = (await conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()
            for *_, step in plan:
                assert not step.startswith("SCAN") or SMALL & set(step.split()), f"{step}: {statement}"


async def everything(db: Database, owner: User, collection: Collection) -> None:
    document = await add_document(db, collection)
    async with db.write() as conn:
        ids = await put_chunks(conn, document.id, collection.id, [chunk("a"), chunk("b", 1)], 2)
        await vectors.put_many(conn, owner.id, "m", {"a" * 64: b"12"})
        job = await jobs.enqueue(conn, "work", owner.id, {}, collection.id, document.id)
        await jobs.claim(conn, {"work": "extracting"})
        await jobs.progress(conn, job.id, done=1, total=2, unit="", state="embedding")
        await jobs.open_of(conn, "work", collection.id)
        await jobs.finish(conn, job.id, "failed", "no")
        await documents.put_many(conn, [document])
        await documents.touch(conn, list((await documents.known(conn, collection.id)).values()))
        talk = await conversations.create(conn, owner.id)
        question = await conversations.add_message(conn, talk.id, "user", "q")
        answer = await conversations.add_message(conn, talk.id, "assistant", "", question.id, "streaming")
        await conversations.append_parts(conn, answer.id, [(0, "text", {})])
        await conversations.interrupt_streaming(conn)
        await conversations.set_sources(conn, answer.id, [])
        await conversations.set_usage(
            conn, answer.id, {"model": "m", "prompt_tokens": 1, "completion_tokens": 1, "total_ms": 1}
        )
    async with db.read() as conn:
        await collections.by_name(conn, owner.id, "course")
        await collections.list_for(conn, owner.id)
        await documents.by_digest(conn, collection.id, "a")
        await documents.list_in(conn, collection.id)
        await documents.get_many(conn, [document.id])
        await documents.at_paths(conn, collection.id, ["notes.md", "more.md"])
        await documents.known_at(conn, collection.id, ["notes.md", "src"])
        await unembedded.ids(conn, collection, "m", 9, [document.id])
        await unembedded.size(conn, collection, "m")
        await unembedded.in_collections(conn, "m")
        await chunks.added_since(conn, collection.id, 1)
        await chunks.deleted_since(conn, collection.id, 1)
        await chunks.alive_ids(conn, collection.id)
        await chunks.of_document(conn, document.id)
        await chunks.get_many(conn, ids)
        await vectors.get_many(conn, owner.id, "m", ["a" * 64, "b" * 64])
        await conversations.list_for(conn, owner.id)
        await conversations.history(conn, answer.id)
        await conversations.messages_in(conn, talk.id)
        await conversations.latest(conn, talk.id)
        await conversations.parts_after(conn, answer.id, -1)
        await conversations.sources_of(conn, [answer.id])
        await conversations.usages_of(conn, [answer.id])
        await jobs.list_for(conn, owner.id)
        await jobs.of_document(conn, document.id)
        await jobs.any_waiting(conn, ["work"])
        await jobs.cancel_requested(conn, [job.id])
    async with db.write() as conn:
        await documents.mark_deleted(conn, document.id, 3)
        await jobs.requeue_interrupted(conn)
        await conversations.remove(conn, talk.id)
        await collections.remove(conn, collection.id)
