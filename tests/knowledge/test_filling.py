"""Words at once, meaning behind: what is published does not wait for the embedder, on the real one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge import filler
from petra.knowledge.ingest import Ingest
from petra.storage import jobs
from petra.storage.job_runner import JobRunner
from petra.storage.jobs import Job
from tests.knowledge.conftest import CountingEndpoint, Room

AWAY = ModelUnavailable("The embedder is away", remedy="Wait")


class Switch(CountingEndpoint):
    """The real embedder, which can be away, or hang, and remembers what it was asked."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.there = asyncio.Event()
        self.hung = asyncio.Event()
        self.hung.set()
        self.asked: list[str] = []
        self.open: list[Path] = []

    async def embed(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        await self.hung.wait()
        return await super().embed(texts)

    async def use(self) -> ModelEndpoint:
        if not self.there.is_set():
            raise AWAY
        return self


@pytest.fixture
async def bulk(room: Room, embed_address: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Switch]:
    """The endpoint of bulk work, away at first; `room` has one of its own for what is embedded at once."""
    monkeypatch.setattr(filler, "PAUSES", (0.05,))
    endpoint = Switch(embed_address)

    async def now() -> ModelEndpoint:
        return room.endpoint

    await room.runner.stop()
    room.ingest = Ingest(
        room.db,
        room.blobs,
        room.extractor,
        room.indexes,
        endpoint.use,
        "all-MiniLM-L6-v2",
        wake=lambda: room.runner.wake(),
        embed_now=now,
        open_files=lambda: endpoint.open,
    )
    room.runner = JobRunner(room.db, room.ingest.handlers)
    await room.runner.start()
    yield endpoint
    endpoint.hung.set()
    await room.ingest.close()
    await room.runner.stop()
    await endpoint.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    (root / "src").mkdir(parents=True)
    for number, name in enumerate(("old.md", "newer.md", "src/newest.md")):
        (root / name).write_text(f"# Part {number}\n\nThis is about topic{number}.\n")
        os.utime(root / name, (1_700_000_000 + number, 1_700_000_000 + number))
    return root


async def filling(room: Room, collection_id: str) -> Job:
    async with room.db.read() as conn:
        job = await jobs.open_of(conn, "embed", collection_id)
    assert job
    return job


async def published(room: Room, folder: Path) -> str:
    """The collection of a folder, once its words can be searched."""
    collection, job = await room.ingest.index_path(room.owner, folder)
    assert (await room.runner.wait(job.id)).state == "ready"
    return collection.id


async def test_words_are_found_while_the_embedder_is_away_and_meaning_when_it_is_back(
    room: Room, folder: Path, bulk: Switch
) -> None:
    collection_id = await published(room, folder)
    (best, *_) = await room.searcher.search("topic1", [collection_id], 3)
    assert (best.path, best.dense) == ("newer.md", None)
    while not (job := await filling(room, collection_id)).payload.get("waits_for"):
        await asyncio.sleep(0.02)
    assert job.payload["waits_for"] == str(AWAY)
    bulk.there.set()
    ended = await room.embedded(collection_id)
    assert ended and (ended.state, ended.id) == ("ready", job.id)
    assert (ended.unit, ended.done, ended.total) == ("bytes", ended.total, ended.done) and ended.done > 60
    assert not await room.indexes.missing(collection_id)
    assert bulk.embedded == 3
    (best, *_) = await room.searcher.search("topic1", [collection_id], 3)
    assert best.path == "newer.md" and best.dense is not None, "not what was remembered from before"


async def test_what_is_open_comes_first_and_then_what_was_changed_last(
    room: Room, folder: Path, bulk: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "WINDOW", 1)
    bulk.open += [folder / "newer.md", Path("/elsewhere/other.md")]
    collection_id = await published(room, folder)
    bulk.there.set()
    await room.embedded(collection_id)
    assert [text.split("topic")[1][0] for text in bulk.asked] == ["1", "2", "0"]


async def test_two_jobs_of_one_collection_are_not_at_work_together(
    room: Room, folder: Path, bulk: Switch
) -> None:
    bulk.hung.clear()
    bulk.there.set()
    collection_id = await published(room, folder)
    while not bulk.asked:
        await asyncio.sleep(0.01)
    first = await filling(room, collection_id)
    async with room.db.write() as conn:
        second = await jobs.enqueue(conn, "embed", room.owner, {}, collection_id)
    room.runner.wake()
    async with asyncio.timeout(10):
        assert (await room.runner.wait(second.id)).state == "ready"
    assert (await filling(room, collection_id)).id == first.id
    bulk.hung.set()
    await room.embedded(collection_id)
    assert not await room.indexes.missing(collection_id)


async def test_a_hung_embedder_delays_no_file_and_no_edit(room: Room, folder: Path, bulk: Switch) -> None:
    bulk.hung.clear()
    bulk.there.set()
    collection_id = await published(room, folder)
    while not bulk.asked:
        await asyncio.sleep(0.01)
    (folder / "new.md").write_text("# More\n\nThis is about topic9.\n")
    assert await published(room, folder) == collection_id
    assert (await room.searcher.search("topic9", [collection_id], 1))[0].path == "new.md"
    (folder / "old.md").write_text("# Part 0\n\nThis is about locks now.\n")
    await room.ingest.changed(collection_id, ["old.md"])
    assert (await room.searcher.search("locks", [collection_id], 1))[0].path == "old.md"
    while len(await room.indexes.missing(collection_id)) > 3:
        await asyncio.sleep(0.02)
    assert len(bulk.asked) == 3, "what was saved is embedded by somebody else"
    bulk.hung.set()
    await room.embedded(collection_id)
    assert not await room.indexes.missing(collection_id)


async def test_cancelling_keeps_what_is_searchable_and_the_next_look_goes_on(
    room: Room, folder: Path, bulk: Switch
) -> None:
    collection_id = await published(room, folder)
    job = await filling(room, collection_id)
    async with room.db.write() as conn:
        await jobs.request_cancel(conn, job.id)
    room.runner.wake()
    assert (await room.runner.wait(job.id)).state == "cancelled"
    assert await room.searcher.search("topic1", [collection_id], 1)
    bulk.there.set()
    await published(room, folder)
    ended = await room.embedded(collection_id)
    assert ended and ended.id != job.id and not await room.indexes.missing(collection_id)


async def test_what_a_start_finds_missing_is_filled_in(room: Room, folder: Path, bulk: Switch) -> None:
    collection_id = await published(room, folder)
    job = await filling(room, collection_id)
    async with room.db.write() as conn:
        await jobs.request_cancel(conn, job.id)
    await room.runner.wait(job.id)
    bulk.there.set()
    await room.ingest.renew()
    assert await room.embedded(collection_id)
    assert not await room.indexes.missing(collection_id)
