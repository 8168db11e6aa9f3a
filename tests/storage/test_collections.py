"""Which collections follow what, and which are empty."""

from __future__ import annotations

import pytest

from petra.errors import NotFound
from petra.storage import chunks, collections, documents, jobs, uploads, vectors
from petra.storage.database import Database
from petra.storage.users import User
from tests.storage.rows import put_chunks


async def test_folders_are_followed_as_they_were_indexed(db: Database, owner: User) -> None:
    async with db.write() as conn:
        await collections.create(conn, owner.id, "uploads")
        whole = await collections.create(conn, owner.id, "whole", "/whole")
        one = await collections.create(conn, owner.id, "one file", "/one")
        await collections.create(conn, owner.id, "never", "/never")
        for collection, only in ((whole, "a.md"), (whole, None), (one, "a.md")):
            await jobs.enqueue(conn, "index", owner.id, {"only": only}, collection.id)
        await jobs.enqueue(conn, "embed", owner.id, {}, one.id)
    async with db.read() as conn:
        followed = {item.name: only for item, only in await collections.followed(conn)}
        assert followed == {"whole": None, "one file": {"a.md"}}
        assert await collections.followed(conn, read_once=True) == []


async def test_what_was_stopped_before_it_was_read_is_not_followed(db: Database, owner: User) -> None:
    async with db.write() as conn:
        stopped = await collections.create(conn, owner.id, "stopped", "/stopped")
        first = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        second = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        single = await jobs.enqueue(conn, "index", owner.id, {"only": "a.md"}, stopped.id)
        assert await jobs.same_as(conn, first) == [first.id, second.id]
        assert await jobs.same_as(conn, single) == []
        for job in (first, second, single):
            await jobs.request_cancel(conn, job.id)
        assert await collections.followed(conn) == []
        again = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        assert await collections.followed(conn) == [(stopped, None)]
        await jobs.finish(conn, again.id, "ready")
        last = await jobs.enqueue(conn, "index", owner.id, {"only": None}, stopped.id)
        assert await collections.followed(conn, read_once=True) == [(stopped, None)]
        await jobs.request_cancel(conn, last.id)
        assert await collections.followed(conn) == [(stopped, None)]


async def test_empty_is_what_nothing_was_ever_read_into(db: Database, owner: User) -> None:
    async with db.write() as conn:
        tried = await collections.create(conn, owner.id, "tried", "/tried")
        read = await collections.create(conn, owner.id, "read", "/read")
        for collection, state in ((tried, "failed"), (read, "ready")):
            job = await jobs.enqueue(conn, "index", owner.id, {"only": None}, collection.id)
            await jobs.finish(conn, job.id, state)  # type: ignore[arg-type]
        assert await collections.is_empty(conn, tried.id)
        assert not await collections.is_empty(conn, read.id)


async def test_a_collection_goes_with_what_is_its_own(db: Database, owner: User) -> None:
    async with db.write() as conn:
        gone, stays = [await collections.create(conn, owner.id, name) for name in ("gone", "stays")]
        upload = await uploads.add(
            conn, id="f" * 32, owner_id=owner.id, filename="a", size=1, sha256="0" * 64, media_type="t"
        )
        for collection, texts in ((gone, ["own", "shared"]), (stays, ["shared", "other"])):
            document = await documents.add(
                conn,
                collection_id=collection.id,
                owner_id=owner.id,
                upload_id=upload.id if collection is gone else None,
                path="a",
                title="a",
                media_type="t",
                size=1,
                digest="d",
                revision=await collections.bump(conn, collection.id),
            )
            new = [chunks.NewChunk(at, "", text, None, None, text.ljust(64)) for at, text in enumerate(texts)]
            await put_chunks(conn, document.id, collection.id, new, 1)
        hashes = [text.ljust(64) for text in ("own", "shared", "other")]
        for model in ("a", "b"):
            await vectors.put_many(conn, owner.id, model, dict.fromkeys(hashes, b"1"))
        ended, waiting = [
            await jobs.enqueue(conn, "ingest", owner.id, {"skipped": ["a"]}, gone.id) for _ in range(2)
        ]
        await jobs.finish(conn, ended.id, "ready")
    async with db.write() as conn:
        assert await collections.remove(conn, gone.id) == [upload.id]
    async with db.read() as conn:
        assert [item.id for item in await collections.list_for(conn, owner.id)] == [stays.id]
        assert await uploads.all_ids(conn) == []
        for model in ("a", "b"):
            assert sorted(await vectors.get_many(conn, owner.id, model, hashes)) == sorted(hashes[1:])
        assert len(await documents.list_in(conn, stays.id)) == 1
        (left,) = await jobs.list_for(conn, owner.id)
        assert (left.id, left.state, left.payload, left.collection_id) == (waiting.id, "cancelled", {}, None)
    with pytest.raises(NotFound):
        async with db.write() as conn:
            await collections.remove(conn, gone.id)
