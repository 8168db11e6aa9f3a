"""A search index that is flipped, missing or old is rebuilt from the rows and answers alike."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from petra.knowledge.extract.extractor import text_hash
from petra.knowledge.index import Candidates, Indexes
from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.dense import Sizes
from petra.knowledge.index.entry import Entry
from petra.storage import chunks, collections, documents, users, vectors
from petra.storage.chunks import NewChunk
from petra.storage.database import Database
from tests.storage.rows import put_chunks

MODEL = "model"
WORDS = ["lock", "thread", "page", "fault", "disk", "inode", "semaphore", "kernel"]


def vector(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=16).astype(np.float32)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'petra.db'}")
    yield db
    await db.close()


async def add_document(db: Database, collection_id: str, first: int, count: int) -> str:
    """A document of chunks `first` to `first + count`, ready and embedded."""
    texts = [f"{WORDS[n % 8]} {WORDS[n % 5]} number{n}" for n in range(first, first + count)]
    new = [NewChunk(n, "", text, None, (n, n), text_hash("", text)) for n, text in enumerate(texts, 1)]
    async with db.write() as conn:
        revision = await collections.bump(conn, collection_id)
        collection = await collections.get(conn, collection_id)
        assert collection
        document = await documents.add(
            conn,
            collection_id=collection_id,
            owner_id=collection.owner_id,
            path=f"src/file{first}.txt",
            title="file.txt",
            media_type="text/plain",
            size=1,
            digest=f"{first:064x}",
            revision=revision,
            state="ready",
        )
        await put_chunks(conn, document.id, collection_id, new, revision)
        rows = {c.text_hash: vector(first + n).astype("<f2").tobytes() for n, c in enumerate(new)}
        await vectors.put_many(conn, collection.owner_id, MODEL, rows)
    return document.id


async def collection_of(db: Database) -> str:
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        collection = await collections.create(conn, owner.id, "notes")
    return collection.id


async def answers(indexes: Indexes, collection_id: str) -> list[list[tuple[int, float]]]:
    # More than there are: which of equally good ones come first depends on how the index was built.
    found: list[Candidates] = [
        await indexes.search(word, vector(1000 + n), [collection_id], 200) for n, word in enumerate(WORDS)
    ]
    return [[(id, round(score, 3)) for id, score in (*some.dense, *some.lexical)] for some in found]


def generations(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name[0].isdigit()]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    # A new file: the old bytes may be linked from elsewhere, and mapped.
    path.unlink()
    path.write_bytes(content)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
async def test_every_damaged_file_is_found_and_healed(
    db: Database, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    collection_id = await collection_of(db)
    await add_document(db, collection_id, 1, 80)
    root = tmp_path / "indexes"
    indexes = Indexes(db, root, MODEL)
    await indexes.refresh(collection_id, settle=True)
    expected = await answers(indexes, collection_id)
    await indexes.close()
    [generation] = generations(root / collection_id)
    parts = sorted({path.suffix or path.name for path in generation.rglob("*") if path.is_file()})
    assert {".vectors", ".npz", ".json", ".idx", ".term", ".fast", ".store"} <= set(parts)
    for part in parts:
        if part == ".lock":
            continue
        for path in [path for path in generation.rglob("*") if part in (path.suffix, path.name)]:
            damage(path)
        indexes = Indexes(db, root, MODEL)
        assert await answers(indexes, collection_id) == expected, part
        await indexes.refresh(collection_id, settle=True)
        await indexes.close()
        [generation] = generations(root / collection_id)
        assert (generation / "manifest.json").is_file()


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_flipped_byte_of_any_file_of_shards_and_clusters_is_found(tmp_path: Path, place: float) -> None:
    sizes = Sizes(segment=100, head=16, clustered=150)
    index = CollectionIndex(tmp_path / "whole", MODEL, sizes)
    index.open()
    entries = [Entry(n, f"{n % 5:032x}", "a.txt", f"w{n}", f"{n:064x}", vector(n)) for n in range(300)]
    index.apply([*entries, Entry(300, "d", "b.txt", "late", "f" * 64, None)], [], 1)
    index.settle(soon=True)
    # Some that are gone, in a generation that links the segments of the one before.
    index.apply([], range(0, 40, 2), 2)
    index.settle(soon=True)
    expected = index.chunk_ids().tolist()
    index.close()
    [generation] = generations(tmp_path / "whole")
    names = [path.relative_to(generation) for path in generation.rglob("*") if path.is_file()]
    assert len([name for name in names if name.suffix == ".vectors"]) == 3
    for name in names:
        shutil.rmtree(tmp_path / "damaged", ignore_errors=True)
        shutil.copytree(tmp_path / "whole", tmp_path / "damaged")
        path = tmp_path / "damaged" / generation.name / name
        content = bytearray(path.read_bytes())
        if content and not name.name.endswith(".lock"):
            content[round(place * (len(content) - 1))] ^= 0x10
            path.write_bytes(content)
            assert opened(tmp_path / "damaged", sizes).watermark == 0, name
    whole = opened(tmp_path / "whole", sizes)
    assert (whole.watermark, whole.chunk_ids().tolist()) == (2, expected)


def opened(folder: Path, sizes: Sizes) -> CollectionIndex:
    index = CollectionIndex(folder, MODEL, sizes)
    index.open()
    return index


async def test_a_missing_index_is_rebuilt(db: Database, tmp_path: Path) -> None:
    collection_id = await collection_of(db)
    await add_document(db, collection_id, 1, 80)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    await indexes.refresh(collection_id, settle=True)
    expected = await answers(indexes, collection_id)
    await indexes.close()
    shutil.rmtree(tmp_path / "indexes")
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    assert await answers(indexes, collection_id) == expected
    await indexes.close()


async def test_an_old_index_catches_up(db: Database, tmp_path: Path) -> None:
    collection_id = await collection_of(db)
    removed = await add_document(db, collection_id, 1, 40)
    await add_document(db, collection_id, 41, 40)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    await indexes.refresh(collection_id, settle=True)
    await indexes.close()
    shutil.copytree(tmp_path / "indexes", tmp_path / "old")
    await add_document(db, collection_id, 81, 10)
    async with db.write() as conn:
        await documents.mark_deleted(conn, removed, await collections.bump(conn, collection_id))
    fresh = Indexes(db, tmp_path / "fresh", MODEL)
    expected = [{id for id, _ in some} for some in await answers(fresh, collection_id)]
    old = Indexes(db, tmp_path / "old", MODEL)
    assert [{id for id, _ in some} for some in await answers(old, collection_id)] == expected
    await fresh.close()
    await old.close()


async def test_a_disk_that_refuses_the_index_costs_no_answer(db: Database, tmp_path: Path) -> None:
    collection_id = await collection_of(db)
    await add_document(db, collection_id, 1, 40)
    healthy = Indexes(db, tmp_path / "indexes", MODEL)
    (tmp_path / "file").touch()
    refused = Indexes(db, tmp_path / "file", MODEL)
    assert await answers(refused, collection_id) == await answers(healthy, collection_id)
    # The working copy vanishes under a running server, as on a disk that fails.
    shutil.rmtree(tmp_path / "indexes" / collection_id / "live")
    await add_document(db, collection_id, 41, 40)
    assert await answers(refused, collection_id) == await answers(healthy, collection_id)
    await refused.close()
    await healthy.close()


async def test_an_index_of_other_rows_is_not_believed(db: Database, tmp_path: Path) -> None:
    """After a database was restored: the same revision, other chunks."""
    collection_id = await collection_of(db)
    await add_document(db, collection_id, 1, 40)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    await indexes.refresh(collection_id, settle=True)
    await indexes.close()
    generation = tmp_path / "indexes" / collection_id
    other_id = await collection_of_name(db, "other")
    await add_document(db, other_id, 100, 40)
    shutil.copytree(generation, tmp_path / "indexes" / other_id)
    indexes = Indexes(db, tmp_path / "indexes", MODEL)
    found = await indexes.search("number101", vector(101), [other_id], 50)
    async with db.read() as conn:
        alive = set(await chunks.alive_ids(conn, other_id))
    assert {id for id, _ in found.dense} == alive
    await indexes.close()


async def collection_of_name(db: Database, name: str) -> str:
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        return (await collections.create(conn, owner.id, name)).id
