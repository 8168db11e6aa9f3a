from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError

from petra.errors import NotFound
from petra.storage import chunks, collections, documents, uploads
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.rows import new_id
from petra.storage.users import User
from tests.storage.rows import put_chunks

from .conftest import add_document, chunk


async def test_each_change_raises_the_revision(db: Database, collection: Collection) -> None:
    async with db.write() as conn:
        assert [await collections.bump(conn, collection.id) for _ in range(3)] == [1, 2, 3]
    async with db.read() as conn:
        found = await collections.get(conn, collection.id)
    assert found and found.revision == 3


async def test_a_revision_of_a_change_that_failed_is_given_back(db: Database, collection: Collection) -> None:
    with pytest.raises(ZeroDivisionError):
        async with db.write() as conn:
            await collections.bump(conn, collection.id)
            raise ZeroDivisionError
    async with db.write() as conn:
        assert await collections.bump(conn, collection.id) == 1


async def test_changing_a_collection_that_is_gone_is_said(db: Database, collection: Collection) -> None:
    async with db.write() as conn:
        await collections.remove(conn, collection.id)
        with pytest.raises(NotFound):
            await collections.bump(conn, collection.id)


async def test_a_name_is_used_once_by_an_owner(db: Database, owner: User, collection: Collection) -> None:
    async with db.read() as conn:
        assert await collections.by_name(conn, owner.id, "course") == collection
        assert await collections.by_name(conn, owner.id, "Course") is None
        assert await collections.list_for(conn, owner.id) == [collection]
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            await collections.create(conn, owner.id, "course")


async def test_removing_a_collection_removes_what_is_in_it(db: Database, collection: Collection) -> None:
    document = await add_document(db, collection)
    async with db.write() as conn:
        ids = await put_chunks(conn, document.id, collection.id, [chunk("a")], 2)
        await collections.remove(conn, collection.id)
    async with db.read() as conn:
        assert await documents.get(conn, document.id) is None
        assert await chunks.get_many(conn, ids) == []
        assert await chunks.alive_ids(conn, collection.id) == []


async def test_documents_are_listed_by_path_and_found_by_their_bytes(
    db: Database, collection: Collection
) -> None:
    first = await add_document(db, collection, "b.md", "1" * 64)
    again = await add_document(db, collection, "b.md", "2" * 64)
    copy = await add_document(db, collection, "a.md", "1" * 64)
    async with db.read() as conn:
        assert await documents.by_digest(conn, collection.id, "1" * 64) == first
        assert {d.id for d in await documents.list_in(conn, collection.id)} == {first.id, again.id, copy.id}
        assert [d.path for d in await documents.list_in(conn, collection.id)] == ["a.md", "b.md", "b.md"]
        found = await documents.get_many(conn, [copy.id, "0" * 32, first.id, copy.id])
    assert found == {copy.id: copy, first.id: first}


async def test_files_are_known_by_path_and_below_a_folder(db: Database, collection: Collection) -> None:
    added = {
        path: await add_document(db, collection, path) for path in ("a.md", "src/b.py", "src0", "srcs/c")
    }
    gone = await add_document(db, collection, "src/gone.py")
    async with db.write() as conn:
        await documents.mark_deleted(conn, [gone.id], 9)
    async with db.read() as conn:
        everything = await documents.known(conn, collection.id)
        assert {path: item.id for path, item in everything.items()} == {
            path: item.id for path, item in added.items()
        }
        assert list(await documents.known_at(conn, collection.id, ["src", "none", "sr"])) == ["src/b.py"]
        assert [item.id for item in await documents.at_paths(conn, collection.id, ["a.md", "src"])] == [
            added["a.md"].id
        ]


async def test_many_rows_are_changed_at_once_and_no_others(db: Database, collection: Collection) -> None:
    first, second, third = [await add_document(db, collection, path) for path in ("a", "b", "c")]
    changed = [
        replace(item, digest="9" * 64, inode=7, state="failed", reason="no") for item in (first, second)
    ]
    async with db.write() as conn:
        await documents.put_many(conn, changed)
        seen = replace((await documents.known(conn, collection.id))["c"], mtime_ns=5, inode=6)
        await documents.touch(conn, [seen])
    async with db.read() as conn:
        assert await documents.list_in(conn, collection.id) == [*changed, replace(third, mtime_ns=5, inode=6)]


async def test_how_far_a_document_is(db: Database, collection: Collection) -> None:
    document = await add_document(db, collection)
    async with db.write() as conn:
        await documents.set_state(conn, document.id, "embedding", pages=24)
        await documents.set_state(conn, document.id, "failed", "No text was found.")
        failed = await documents.get(conn, document.id)
        await documents.set_state(conn, document.id, "ready")
        ready = await documents.get(conn, document.id)
    assert failed and (failed.state, failed.reason, failed.pages) == ("failed", "No text was found.", 24)
    assert ready and (ready.state, ready.reason, ready.pages) == ("ready", None, 24)


async def test_a_deleted_document_is_gone_and_its_chunks_are_marked(
    db: Database, collection: Collection
) -> None:
    document = await add_document(db, collection)
    async with db.write() as conn:
        ids = await put_chunks(conn, document.id, collection.id, [chunk("a")], 2)
    async with db.write() as conn:
        await documents.mark_deleted(conn, document.id, 3)
        await documents.mark_deleted(conn, document.id, 4)
    async with db.read() as conn:
        assert await documents.get(conn, document.id) is None
        assert await documents.by_digest(conn, collection.id, document.digest) is None
        assert await documents.list_in(conn, collection.id) == []
        assert await chunks.get_many(conn, ids) == []
        assert await chunks.deleted_since(conn, collection.id, 2) == ids
        assert await chunks.deleted_since(conn, collection.id, 3) == []


async def test_an_upload_is_known_until_it_is_removed(db: Database, owner: User) -> None:
    async with db.write() as conn:
        upload = await uploads.add(
            conn,
            id=new_id(),
            owner_id=owner.id,
            filename="../etc/pass\u202ewd",
            size=3,
            sha256="a" * 64,
            media_type="text/plain",
        )
        assert await uploads.all_ids(conn) == [upload.id]
        await uploads.remove(conn, upload.id)
        assert await uploads.all_ids(conn) == []
