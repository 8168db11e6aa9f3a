from dataclasses import replace

from petra.storage import collections, documents, unembedded, vectors
from petra.storage.collections import Collection
from petra.storage.database import Database
from tests.storage.rows import put_chunks

from .conftest import add_document, chunk


async def test_what_has_no_vector_comes_with_what_was_changed_last_first(
    db: Database, collection: Collection
) -> None:
    added = {}
    for path, text, changed in (("old", "höhe", 1), ("new", "bb", 3), ("middle", "c", 2)):
        document = await add_document(db, collection, path)
        async with db.write() as conn:
            await documents.put_many(conn, [replace(document, mtime_ns=changed)])
            (added[path],) = await put_chunks(conn, document.id, collection.id, [chunk(text)], 2)
        added[f"{path} document"] = document.id

    async def missing(limit: int = 9, first: str = "", model: str = "m") -> list[int]:
        async with db.read() as conn:
            return await unembedded.ids(conn, collection, model, limit, [added[first]] if first else [])

    assert await missing() == [added["new"], added["middle"], added["old"]]
    assert await missing(first="old document", limit=2) == [added["old"], added["new"]]
    async with db.write() as conn:
        await vectors.put_many(conn, collection.owner_id, "m", {chunk("bb").text_hash: b"12"})
        assert await unembedded.size(conn, collection, "m") == len("höhec".encode())
        assert await unembedded.size(conn, collection, "other") == len("höhebbc".encode())
    assert await missing() == [added["middle"], added["old"]]
    assert len(await missing(model="other")) == 3
    async with db.write() as conn:
        await documents.mark_deleted(conn, added["old document"], 3)
    assert await missing() == [added["middle"]]


async def test_collections_whose_last_change_is_not_embedded(db: Database, collection: Collection) -> None:
    async def found(model: str = "m") -> list[str]:
        async with db.read() as conn:
            return [item.id for item in await unembedded.in_collections(conn, model)]

    async with db.write() as conn:
        await collections.create(conn, collection.owner_id, "empty")
    assert await found() == []
    document = await add_document(db, collection)
    async with db.write() as conn:
        await put_chunks(conn, document.id, collection.id, [chunk("a"), chunk("b")], 2)
    assert await found() == [collection.id]
    async with db.write() as conn:
        hashes = [chunk("a").text_hash, chunk("b").text_hash]
        await vectors.put_many(conn, collection.owner_id, "m", dict.fromkeys(hashes, b"12"))
    assert await found() == []
    assert await found("other") == [collection.id]
