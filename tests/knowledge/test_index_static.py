"""Chunks that are not embedded yet are found by a static vector, in a list of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from petra.knowledge.extract.extractor import text_hash
from petra.knowledge.index import Indexes, follow
from petra.knowledge.index.entry import Vector
from petra.storage import collections, documents, users, vectors
from petra.storage.chunks import NewChunk
from petra.storage.database import Database
from tests.storage.rows import put_chunks

MODEL = "model"
TEXTS = ["locks and threads", "pages and faults", "disks and inodes", "semaphores wait"]
OWN = np.eye(8, dtype=np.float32)


def static(texts: Sequence[str]) -> Vector:
    """Bags of letters: the space has 26 dimensions where the model's has 8."""
    rows = np.zeros((len(texts), 26), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for letter in text.lower():
            if letter.isascii() and letter.isalpha():
                row[ord(letter) - ord("a")] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'petra.db'}")
    yield db
    await db.close()


async def add(db: Database, texts: Sequence[str]) -> tuple[str, list[int]]:
    new = [NewChunk(n, "", text, None, (n, n), text_hash("", text)) for n, text in enumerate(texts, 1)]
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        collection = await collections.create(conn, owner.id, "notes")
        revision = await collections.bump(conn, collection.id)
        document = await documents.add(
            conn,
            collection_id=collection.id,
            owner_id=owner.id,
            path="notes.txt",
            title="notes.txt",
            media_type="text/plain",
            size=1,
            digest="0" * 64,
            revision=revision,
            state="ready",
        )
        return collection.id, await put_chunks(conn, document.id, collection.id, new, revision)


async def embed(db: Database, text: str, row: Vector) -> str:
    """The model's vector of `text` arrives; its hash."""
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        made = text_hash("", text)
        await vectors.put_many(conn, owner.id, MODEL, {made: row.astype("<f2").tobytes()})
    return made


async def test_a_chunk_moves_from_the_static_list_to_the_dense_one(db: Database, tmp_path: Path) -> None:
    collection_id, ids = await add(db, TEXTS)
    indexes = Indexes(db, tmp_path / "indexes", MODEL, static=static)
    found = await indexes.search("pages faults", OWN[0], [collection_id], 10)
    assert (found.static[0][0], found.dense) == (ids[1], [])
    assert {id for id, _ in found.static} == set(ids)
    expected = float(static([TEXTS[1]])[0] @ static(["pages faults"])[0])
    assert found.static[0][1] == pytest.approx(expected, abs=1e-3)
    await embed(db, TEXTS[1], OWN[0])
    await indexes.refresh(collection_id)
    found = await indexes.search("pages faults", OWN[0], [collection_id], 10)
    assert [id for id, _ in found.dense] == [ids[1]]
    assert {id for id, _ in found.static} == {*ids} - {ids[1]}
    assert dict(found.lexical).keys() >= {ids[1]}
    await indexes.close()


async def test_static_vectors_are_made_again_after_a_restart(db: Database, tmp_path: Path) -> None:
    collection_id, _ = await add(db, TEXTS)
    await embed(db, TEXTS[0], OWN[3])
    first = Indexes(db, tmp_path / "indexes", MODEL, static=static)
    await first.refresh(collection_id, settle=True)
    expected = await first.search("disks", OWN[3], [collection_id], 10)
    await first.close()
    asked: list[str] = []

    def counted(texts: Sequence[str]) -> Vector:
        asked.extend(texts)
        return static(texts)

    again = Indexes(db, tmp_path / "indexes", MODEL, static=counted)
    found = await again.search("disks", OWN[3], [collection_id], 10)
    assert found == expected
    assert sorted(asked) == sorted([*TEXTS[1:], "disks"])
    async with db.read() as conn:
        owner = await users.ensure_owner(conn)
        stored = await vectors.get_many(conn, owner.id, MODEL, [text_hash("", text) for text in TEXTS])
    assert list(stored) == [text_hash("", TEXTS[0])], "static vectors are no rows"
    await again.close()


async def test_without_static_vectors_words_answer(db: Database, tmp_path: Path) -> None:
    collection_id, ids = await add(db, TEXTS)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    found = await indexes.search("threads", OWN[0], [collection_id], 10)
    assert ([id for id, _ in found.lexical], found.static, found.dense) == ([ids[0]], [], [])
    await indexes.close()


async def test_rows_are_followed_in_portions(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"number{n} of many" for n in range(23)]
    collection_id, ids = await add(db, texts)
    for text in texts[::2]:
        await embed(db, text, OWN[1])
    whole = Indexes(db, tmp_path / "whole", MODEL, static=static)
    expected = await whole.search("many number7", OWN[1], [collection_id], 50)
    monkeypatch.setattr(follow, "PORTION", 5)
    parts = Indexes(db, tmp_path / "parts", MODEL, static=static)
    found = await parts.search("many number7", OWN[1], [collection_id], 50)
    assert {id for id, _ in found.dense} == set(ids[::2])
    assert {id for id, _ in found.static} == set(ids[1::2])
    assert (found.dense, found.static) == (expected.dense, expected.static)
    assert {id for id, _ in found.lexical} == {id for id, _ in expected.lexical}
    await whole.close()
    await parts.close()


async def test_only_the_vectors_that_have_come_are_looked_for(db: Database, tmp_path: Path) -> None:
    collection_id, ids = await add(db, TEXTS)
    indexes = Indexes(db, tmp_path / "indexes", MODEL, static=static)
    await indexes.refresh(collection_id)
    one = await embed(db, TEXTS[0], OWN[0])
    await embed(db, TEXTS[1], OWN[1])
    await indexes.refresh(collection_id, embedded=[one])
    assert list(await indexes.missing(collection_id)) == ids[1:]
    await indexes.refresh(collection_id)
    assert list(await indexes.missing(collection_id)) == ids[2:]
    await indexes.close()


async def test_a_search_that_is_cancelled_leaves_a_whole_index(db: Database, tmp_path: Path) -> None:
    """Whoever types on cancels the search before, in the middle of whatever it does."""
    collection_id, ids = await add(db, [f"number{n} of many" for n in range(50)])
    indexes = Indexes(db, tmp_path / "indexes", MODEL, static=static)
    for turn in range(12):
        search = asyncio.create_task(indexes.search("many", OWN[0], [collection_id], 100))
        await asyncio.sleep(turn * 0.003)
        search.cancel()
    found = await indexes.search("many", OWN[0], [collection_id], 100)
    assert {id for id, _ in found.lexical} == set(ids) == {id for id, _ in found.static}
    assert (tmp_path / "indexes" / collection_id / "live" / "meta.json").is_file(), "not given up for memory"
    await indexes.close()


async def test_a_search_does_not_wait_for_a_job_that_changes_the_index(db: Database, tmp_path: Path) -> None:
    collection_id, ids = await add(db, TEXTS)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    await indexes.refresh(collection_id)
    async with db.write() as conn:
        await collections.bump(conn, collection_id)
    async with indexes._locks.of(collection_id):
        found = await indexes.search("threads", None, [collection_id], 10)
    assert [id for id, _ in found.lexical] == [ids[0]]
    await indexes.close()
