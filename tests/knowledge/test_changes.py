"""A few files that were saved: published without a job, and never undone by one that looked before."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from petra.errors import PetraError
from petra.knowledge.extract.extractor import Extracted, Extractor, File
from petra.knowledge.publish import Draft, Publisher
from petra.storage import chunks, collections, documents, jobs
from petra.storage.collections import Collection
from tests.knowledge.conftest import Room, aged


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    (root / "src").mkdir(parents=True)
    (root / "notes.md").write_text("# Locks\n\nA mutex admits one thread.\n")
    (root / "src" / "one.py").write_text("def first():\n    return 1\n")
    (root / "src" / "two.py").write_text("def second():\n    return 2\n")
    aged(root)
    return root


async def paths(room: Room, collection_id: str) -> list[str]:
    async with room.db.read() as conn:
        return [item.path for item in await documents.list_in(conn, collection_id)]


async def jobs_of(room: Room) -> int:
    async with room.db.read() as conn:
        return len(await jobs.list_for(conn, room.owner))


async def revision(room: Room, collection_id: str) -> int:
    async with room.db.read() as conn:
        collection = await collections.get(conn, collection_id)
    assert collection
    return collection.revision


async def test_what_was_saved_made_or_removed_is_searched_at_once(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    before = await jobs_of(room)
    (folder / "notes.md").write_text("# Locks\n\nA semaphore admits several.\n")
    (folder / "new.md").write_text("A barrier waits for everybody.")
    (folder / "src" / "one.py").unlink()
    await room.ingest.changed(collection.id, {"notes.md", "new.md", "src/one.py", "never.md"})
    assert await paths(room, collection.id) == ["new.md", "notes.md", "src/two.py"]
    for words, path in (("semaphore", "notes.md"), ("barrier", "new.md")):
        assert (await room.searcher.search(words, [collection.id], 1))[0].path == path
    assert not [
        item for item in await room.searcher.search("mutex", [collection.id], 9) if "mutex" in item.text
    ]
    while await room.indexes.missing(collection.id):
        await asyncio.sleep(0.01)
    assert await jobs_of(room) == before


async def test_what_is_as_it_was_changes_nothing(room: Room, folder: Path) -> None:
    collection, _ = await room.indexed(folder)
    once, at = room.endpoint.embedded, await revision(room, collection.id)
    os.utime(folder / "notes.md", (1_700_000_000, 1_700_000_000))
    await room.ingest.changed(collection.id, ["notes.md", "src/two.py"])
    assert (await revision(room, collection.id), room.endpoint.embedded) == (at, once)
    _, job = await room.indexed(folder)
    assert job.total == 0, "its new time is known"


async def test_a_folder_that_is_gone_takes_its_files_with_it_and_one_that_came_has_a_job(
    room: Room, folder: Path
) -> None:
    collection, _ = await room.indexed(folder)
    (folder / "src").rename(folder / "lib")
    before = await jobs_of(room)
    await room.ingest.changed(collection.id, ["src", "lib"])
    assert await jobs_of(room) == before + 1
    async with room.db.read() as conn:
        job = await jobs.open_of(conn, "index", collection.id)
    if job:
        await room.runner.wait(job.id)
    assert await paths(room, collection.id) == ["lib/one.py", "lib/two.py", "notes.md"]


async def test_a_folder_that_goes_while_it_is_read_keeps_what_is_known_of_it(
    room: Room, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, _ = await room.indexed(folder)
    (folder / "notes.md").write_text("# Locks\n\nA semaphore admits several.\n")
    (folder / "new.md").write_text("A barrier waits for everybody.")
    extract = Extractor.extract_many

    async def unplugged(
        self: Extractor, files: Sequence[File], *, idle: bool
    ) -> list[Extracted | PetraError]:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return await extract(self, files, idle=idle)

    monkeypatch.setattr(Extractor, "extract_many", unplugged)
    _, job = await room.indexed(folder)
    assert job.state == "ready"
    assert await paths(room, collection.id) == ["notes.md", "src/one.py", "src/two.py"]
    assert "mutex" in (await room.searcher.search("mutex", [collection.id], 1))[0].text


async def test_a_file_saved_while_a_job_goes_through_its_folder_is_one_document(
    room: Room, folder: Path
) -> None:
    _, job = await room.ingest.index_path(room.owner, folder)
    collection, _ = await room.ingest.index_path(room.owner, folder)
    for number in range(5):
        (folder / "notes.md").write_text(f"# Locks\n\nThis is version{number}.\n")
        await room.ingest.changed(collection.id, ["notes.md"])
    await room.runner.wait(job.id)
    await room.indexed(folder)
    assert await paths(room, collection.id) == ["notes.md", "src/one.py", "src/two.py"]
    (best, *_) = await room.searcher.search("version4", [collection.id], 1)
    assert "version4" in best.text


def draft(text: str, looked: int) -> Draft:
    return Draft(None, "notes.md", "notes.md", "text/markdown", 1, text, None, text, "", looked=looked)


async def test_a_job_does_not_undo_what_was_published_ahead_of_it(room: Room, tmp_path: Path) -> None:
    async with room.db.write() as conn:
        collection = await collections.create(conn, room.owner, "course", str(tmp_path))
    publisher = Publisher(room.db, room.indexes)
    publisher.begin(collection.id)
    read_by_job = time.monotonic_ns()
    saved = read_by_job + 1
    await publisher.publish(collection, [draft("newer", saved)], ahead=saved)
    known = await one(room, collection)
    await publisher.publish(collection, [draft("older", read_by_job)])
    await publisher.publish(collection, [], [known])
    assert (await one(room, collection)).digest == "newer"
    publisher.begin(collection.id)
    await publisher.publish(collection, [draft("newest", saved + 1)])
    assert (await one(room, collection)).digest == "newest"
    await publisher.publish(collection, [], [known])
    assert await paths(room, collection.id) == []


async def one(room: Room, collection: Collection) -> documents.Known:
    async with room.db.read() as conn:
        (known,) = (await documents.known(conn, collection.id)).values()
    return known


async def test_a_document_that_was_removed_meanwhile_stays_so(room: Room, tmp_path: Path) -> None:
    async with room.db.write() as conn:
        collection = await collections.create(conn, room.owner, "course", str(tmp_path))
    publisher = Publisher(room.db, room.indexes)
    late = replace(draft("upload", 1), document_id="0" * 32)
    await publisher.publish(collection, [late])
    async with room.db.read() as conn:
        assert await chunks.alive_ids(conn, collection.id) == []
    assert await paths(room, collection.id) == []
