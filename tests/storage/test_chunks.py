import asyncio
import shutil
from dataclasses import replace as replaced
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petra.storage import chunks, collections, documents, users
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Document
from tests.storage.rows import put_chunks

from .conftest import add_document, chunk, sqlite


@pytest.fixture
async def document(db: Database, collection: Collection) -> Document:
    return await add_document(db, collection)


async def replace(db: Database, document: Document, *texts: str) -> list[int]:
    async with db.write() as conn:
        revision = await collections.bump(conn, document.collection_id)
        new = [chunk(text, ordinal) for ordinal, text in enumerate(texts)]
        return await put_chunks(conn, document.id, document.collection_id, new, revision)


async def test_chunks_come_back_as_they_were(db: Database, document: Document) -> None:
    new = [
        chunk("on two pages", 0, pages=(3, 4)),
        chunk("in lines", 1, lines=(10, 12)),
        chunk("a 🜁 and a \u202e and \r\n", 2),
        replaced(chunk("again and more", 3), overlap=6, gap=" \n\n"),
    ]
    async with db.write() as conn:
        ids = await put_chunks(conn, document.id, document.collection_id, new, 2)
        stored = await chunks.get_many(conn, ids)
    fields = ("ordinal", "header", "text", "pages", "lines", "text_hash", "overlap", "gap")
    assert [[getattr(c, f) for f in fields] for c in stored] == [[getattr(c, f) for f in fields] for c in new]
    assert [c.id for c in stored] == ids
    assert {(c.document_id, c.collection_id, c.revision) for c in stored} == {
        (document.id, document.collection_id, 2)
    }


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ({"pages": (3, 3)}, ["3 to 4"]),
        ({"pages": (4, 9)}, ["3 to 4", "5"]),
        ({"pages": (1, 2)}, []),
        ({"lines": (12, 12)}, ["10 to 12"]),
        ({"lines": (1, 9)}, []),
        ({}, ["3 to 4", "5", "10 to 12"]),
    ],
)
async def test_the_chunks_that_touch_a_place(
    db: Database, document: Document, place: dict[str, tuple[int, int]], expected: list[str]
) -> None:
    new = [
        chunk("3 to 4", 0, pages=(3, 4)),
        chunk("5", 1, pages=(5, 5)),
        chunk("10 to 12", 2, lines=(10, 12)),
    ]
    async with db.write() as conn:
        await put_chunks(conn, document.id, document.collection_id, new, 2)
        found = await chunks.of_document(conn, document.id, **place)
    assert [part.text for part in found] == expected


async def test_ids_are_given_in_the_order_of_the_chunks(db: Database, document: Document) -> None:
    texts = [str(i) for i in range(1203)]
    ids = await replace(db, document, *texts)
    async with db.read() as conn:
        assert [c.text for c in await chunks.get_many(conn, ids)] == texts
        assert [c.text for c in await chunks.get_many(conn, ids[::-1])] == texts[::-1]


async def test_an_id_is_never_used_again(db: Database, collection: Collection, document: Document) -> None:
    used = await replace(db, document, "a", "b")
    async with db.write() as conn:
        await collections.remove(conn, collection.id)
        other = await collections.create(conn, collection.owner_id, "other")
    assert min(await replace(db, await add_document(db, other), "c")) > max(used)


async def test_a_deleted_chunk_leaves_a_mark_without_its_text(
    db: Database, path: Path, document: Document
) -> None:
    (old,) = await replace(db, document, "first thoughts")
    (new,) = await replace(db, document, "second thoughts")
    async with db.read() as conn:
        assert [c.id for c in await chunks.get_many(conn, [old, new])] == [new]
        assert await chunks.alive_ids(conn, document.collection_id) == [new]
        assert [c.text for c in await chunks.of_document(conn, document.id)] == ["second thoughts"]
        row = (await conn.exec_driver_sql("SELECT header, text FROM chunks WHERE id = ?", (old,))).one()
    assert tuple(row) == ("", "")


@pytest.mark.parametrize("state", ["queued", "extracting", "embedding", "failed"])
async def test_chunks_of_a_document_that_is_not_ready_are_not_given(
    db: Database, document: Document, state: documents.DocumentState
) -> None:
    ids = await replace(db, document, "a")
    async with db.write() as conn:
        await documents.set_state(conn, document.id, state)
    async with db.read() as conn:
        assert await chunks.get_many(conn, ids) == []


operation = st.tuples(
    st.sampled_from(["replace", "delete document", "other collection"]),
    st.integers(0, 2),
    st.integers(0, 3),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(operation, max_size=10))
def test_a_cache_at_any_revision_catches_up(
    empty: Path, tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.mktemp("history") / "petra.db"
    shutil.copy(empty, path)
    asyncio.run(check_catching_up(path, operations))


async def check_catching_up(path: Path, operations: list[tuple[str, int, int]]) -> None:
    """Every past revision plus what was added and deleted since is what is alive now."""
    db = await Database.open(sqlite(path))
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        mine, other = [await collections.create(conn, owner.id, name) for name in ("mine", "other")]
    slots: dict[int, Document] = {}
    alive_at: dict[int, set[int]] = {0: set()}
    for what, slot, size in operations:
        if what == "other collection":
            await replace(db, await add_document(db, other), *map(str, range(size)))
        elif what == "replace":
            slots.setdefault(slot, await add_document(db, mine, f"{slot}.md"))
            await replace(db, slots[slot], *map(str, range(size)))
        elif slot in slots:
            async with db.write() as conn:
                revision = await collections.bump(conn, mine.id)
                await documents.mark_deleted(conn, slots.pop(slot).id, revision)
        async with db.read() as conn:
            now = await collections.get(conn, mine.id)
            assert now
            alive_at[now.revision] = set(await chunks.alive_ids(conn, mine.id))
    async with db.read() as conn:
        now_alive = set(await chunks.alive_ids(conn, mine.id))
        for revision, alive in alive_at.items():
            added = {c.id for c in await chunks.added_since(conn, mine.id, revision)}
            deleted = set(await chunks.deleted_since(conn, mine.id, revision))
            assert (alive - deleted) | added == now_alive
            assert not alive & added, "a chunk that a cache has is not given twice"
    await db.close()


async def test_added_since_pages_through_many_in_one_revision(db: Database, document: Document) -> None:
    ids = await replace(db, document, *[str(i) for i in range(1100)])
    last = await replace(db, await add_other(db, document), "x", "y")
    async with db.read() as conn:
        assert [c.id for c in await chunks.added_since(conn, document.collection_id, 0)] == ids + last


async def test_added_since_goes_on_where_it_ended(db: Database, document: Document) -> None:
    ids = await replace(db, document, *[str(i) for i in range(10)])
    ids += await replace(db, await add_other(db, document), "x", "y")
    found: list[int] = []
    revision, after = 0, None
    async with db.read() as conn:
        while some := await chunks.added_since(conn, document.collection_id, revision, after=after, limit=3):
            found += [item.id for item in some]
            revision, after = some[-1].revision, some[-1].id
    assert found == ids


async def test_a_fingerprint_is_that_of_the_chunks_alive(db: Database, document: Document) -> None:
    async with db.read() as conn:
        assert await chunks.fingerprint(conn, document.collection_id) == (0, 0)
    await replace(db, document, *"abc")
    ids = await replace(db, document, *"defgh")
    async with db.read() as conn:
        found = await chunks.fingerprint(conn, document.collection_id)
    mixed = [id % chunks.MIXED_BELOW * chunks.MIXED_BY % chunks.MIXED_INTO for id in ids]
    assert found == (5, sum(mixed))


async def add_other(db: Database, document: Document) -> Document:
    async with db.read() as conn:
        collection = await collections.get(conn, document.collection_id)
    assert collection
    return await add_document(db, collection, "other.md")
