import pytest
from sqlalchemy import select

from petra.storage import collections, documents, symbols, tables
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Document
from petra.storage.symbols import NewSymbol

from .conftest import add_document

BUCKET = NewSymbol("Bucket", "class", "", (1, 20))
REFILL = NewSymbol("refill", "method", "Bucket", (5, 9))
REFILL_ALL = NewSymbol("refillAll", "function", "", (22, 30))
SHOUTED = NewSymbol("REFILL", "constant", "", (32, 32))
ODD = NewSymbol("100%_größe", "key", "a 🜁", (40, 41))


@pytest.fixture
async def document(db: Database, collection: Collection) -> Document:
    document = await add_document(db, collection)
    async with db.write() as conn:
        new = [BUCKET, REFILL, REFILL_ALL, SHOUTED, ODD]
        await symbols.add(conn, collection.id, [(document.id, symbol) for symbol in new])
    return document


async def names(db: Database, collection: Collection, name: str, **how: bool) -> list[str]:
    async with db.read() as conn:
        return [item.name for item in await symbols.find(conn, name, [collection.id], 9, **how)]


async def test_symbols_come_back_as_they_were(
    db: Database, document: Document, collection: Collection
) -> None:
    async with db.read() as conn:
        found = [
            item
            for new in (BUCKET, REFILL, REFILL_ALL, SHOUTED, ODD)
            for item in await symbols.find(conn, new.name, [collection.id], 1)
        ]
    again = [NewSymbol(item.name, item.kind, item.scope, item.lines) for item in found]
    assert again == [BUCKET, REFILL, REFILL_ALL, SHOUTED, ODD]
    assert {(item.document_id, item.collection_id) for item in found} == {
        (document.id, document.collection_id)
    }


async def test_a_name_or_its_beginning(db: Database, document: Document, collection: Collection) -> None:
    assert await names(db, collection, "refill") == ["refill", "REFILL"]
    assert await names(db, collection, "REFILL") == ["REFILL", "refill"]
    assert await names(db, collection, "refill", prefix=True) == ["refill", "refillAll", "REFILL"]
    assert await names(db, collection, "ref", prefix=True) == ["refill", "refillAll", "REFILL"]
    assert await names(db, collection, "GRÖSSE", prefix=True) == []
    assert await names(db, collection, "100%_GRÖSSE") == ["100%_größe"]
    for nothing in ("", "re", "%", "_"):
        assert await names(db, collection, nothing) == []
    assert await names(db, collection, "%", prefix=True) == []


async def test_only_documents_that_may_be_read(
    db: Database, document: Document, collection: Collection
) -> None:
    async with db.write() as conn:
        other = await collections.create(conn, collection.owner_id, "other")
        assert await symbols.find(conn, "Bucket", [other.id], 9) == []
        assert await symbols.find(conn, "Bucket", [], 9) == []
        await documents.set_state(conn, document.id, "failed")
        assert await symbols.find(conn, "Bucket", [collection.id], 9) == []


async def test_they_go_with_their_document(db: Database, document: Document, collection: Collection) -> None:
    async with db.write() as conn:
        await documents.mark_deleted(conn, document.id, await collections.bump(conn, collection.id))
        assert list(await conn.scalars(select(tables.symbols.c.id))) == []
