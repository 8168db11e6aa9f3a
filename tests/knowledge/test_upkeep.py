"""A version of the index beside the one that answers, and removing what nobody needs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import numpy as np
import pytest

from petra.errors import ModelUnavailable
from petra.knowledge import filler, gc
from petra.storage import chunks, index_versions, jobs, vectors
from tests.durability.agreement import EVERYWHERE, differences
from tests.durability.house import House
from tests.durability.stand_ins import Words, folder

FILES = {f"{n}.txt": f"{EVERYWHERE} mark{n}x lock word{n}\n\n{EVERYWHERE} mark{n}x page\n" for n in range(30)}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    with folder() as place:
        house = await House.open(place)
        for name, text in FILES.items():
            (house.files / name).write_text(text)
        await house.index()
        await house.idle()
        yield house
        await house.close()


async def embedded(house: House, model: str) -> int:
    return house.endpoints[model].embedded


async def test_a_swap_is_compared_and_going_back_embeds_nothing(house: House) -> None:
    job = await house.upkept("reindex", model="model-b")
    assert (job.state, house.model) == ("ready", "model-b")
    found = job.payload["comparison"]
    assert found["queries"] >= 20 and found["found_new"] == found["queries"]
    assert (job.done, job.total, job.unit) == (60, 60, "chunks")
    assert await differences(house, FILES, {}) == []
    before = await embedded(house, "model-a")
    assert (await house.upkept("reindex", rollback=True)).state == "ready"
    assert house.model == "model-a" and await embedded(house, "model-a") == before
    assert (await house.upkept("reindex", model="model-b")).state == "ready"
    assert await differences(house, FILES, {}) == []


async def test_the_swap_outlives_a_restart_until_the_setting_changes(house: House) -> None:
    await house.upkept("reindex", model="model-b")
    await house.close()
    async with reopened(house) as again:
        assert again.model == "model-b" and again.endpoints["model-b"].embedded == 0
        assert await differences(again, FILES, {}) == []
        async with again.db.write() as conn:
            assert (await index_versions.at_start(conn, "model-a")).model_id == "model-b"
            assert (await index_versions.at_start(conn, "model-c")).model_id == "model-c"
            assert (await index_versions.at_start(conn, "model-c")).model_id == "model-c"


class reopened:
    """A house once more, as the fixture's is closed."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def __aenter__(self) -> House:
        again = await House.open(self.house.folder)
        await again.idle()
        self.house.__dict__.update(again.__dict__)
        return again

    async def __aexit__(self, *_: object) -> None:
        """The fixture closes it."""


async def test_the_old_version_answers_until_the_swap_and_after_a_cancel(house: House) -> None:
    stuck = asyncio.Event()

    async def slow(texts: object) -> np.ndarray:
        stuck.set()
        await asyncio.sleep(60)
        raise AssertionError

    house.endpoints["model-b"].embed = slow  # type: ignore[method-assign,assignment]
    job = await house.start("reindex", model="model-b")
    await stuck.wait()
    assert house.model == "model-a"
    assert await differences(house, FILES, {}) == []
    async with house.db.write() as conn:
        await jobs.request_cancel(conn, job.id)
    house.runner.wake()
    assert (await house.runner.wait(job.id)).state == "cancelled"
    assert house.model == "model-a"
    assert await differences(house, FILES, {}) == []


async def test_what_was_interrupted_goes_on_where_it_was(house: House) -> None:
    half = Words("model-b")
    enough = asyncio.Event()

    async def embed(texts: list[str]) -> np.ndarray:
        if half.embedded >= 30:
            enough.set()
            await asyncio.sleep(60)
        return await half.embed(texts[:64])

    house.endpoints["model-b"].embed = embed  # type: ignore[method-assign,assignment]
    for n in range(100):  # more than one request
        (house.files / f"more{n}.txt").write_text(f"{EVERYWHERE} mark{1000 + n}x more{n}\n")
    await house.index()
    await house.idle()
    await house.start("reindex", model="model-b")
    await enough.wait()
    while not await stored(house, "model-b"):
        await asyncio.sleep(0.005)
    await house.close()
    async with reopened(house) as again:
        assert again.model == "model-b"
        questions = 24  # of the comparison
        assert again.endpoints["model-b"].embedded == 160 - half.embedded + questions


async def stored(house: House, model: str) -> bool:
    async with house.db.read() as conn:
        return model in await vectors.models(conn)


async def test_a_version_that_finds_less_is_not_taken(house: House) -> None:
    async def poor(texts: list[str]) -> np.ndarray:
        return np.random.default_rng(len(texts)).normal(size=(len(texts), 16)).astype(np.float32)

    house.endpoints["model-b"].embed = poor  # type: ignore[method-assign,assignment]
    job = await house.upkept("reindex", model="model-b")
    assert job.state == "failed" and job.reason and "finds less" in job.reason
    assert house.model == "model-a"
    assert [version.state for version in await house.upkeep.versions()] == ["active"]
    assert await differences(house, FILES, {}) == []


async def test_a_model_that_is_away_leaves_the_old_version(house: House) -> None:
    async def away(_: object) -> np.ndarray:
        raise ModelUnavailable("The model model-b cannot be used", remedy="petra models pull model-b")

    house.endpoints["model-b"].embed = away  # type: ignore[method-assign,assignment]
    job = await house.upkept("reindex", model="model-b")
    assert job.state == "failed" and "petra models pull" in str(job.reason)
    assert [version.state for version in await house.upkeep.versions()] == ["active"]
    assert await differences(house, FILES, {}) == []


async def test_a_model_that_is_not_there_is_not_taken_when_nothing_is_to_be_embedded() -> None:
    with folder() as place:
        house = await House.open(place)
        job = await house.upkept("reindex", model="no-such-embedder")
        assert job.state == "failed" and "no model named no-such-embedder" in str(job.reason)
        assert [(one.model_id, one.state) for one in await house.upkeep.versions()] == [("model-a", "active")]
        await house.close()


async def test_another_model_replaces_one_that_is_away_and_that_jobs_wait_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filler, "PAUSES", (600.0,))

    async def away(_: object) -> np.ndarray:
        raise ModelUnavailable("The model model-a cannot be used", remedy="petra models pull model-a")

    house.endpoints["model-a"].embed = away  # type: ignore[method-assign,assignment]
    for n in range(100):  # more than are embedded at once
        (house.files / f"more{n}.txt").write_text(f"{EVERYWHERE} mark{1000 + n}x more{n}\n")
    await house.index()
    await house.upload("\n\n".join(f"{EVERYWHERE} page{n}" for n in range(100)))
    while len(await waiting(house)) < 2:
        await asyncio.sleep(0.005)
    job = await house.upkept("reindex", model="model-b")
    assert (job.state, house.model) == ("ready", "model-b")
    async with asyncio.timeout(60):
        await house.idle()  # they have noticed


async def waiting(house: House) -> list[jobs.Job]:
    async with house.db.read() as conn:
        found = await jobs.list_for(conn, house.owner, 1000)
    return [job for job in found if not job.ended and job.payload.get("waits_for")]


async def test_without_a_version_before_there_is_no_way_back(house: House) -> None:
    job = await house.upkept("reindex", rollback=True)
    assert job.state == "failed" and "no version to go back to" in str(job.reason)


async def test_gc_frees_what_nobody_needs_and_nothing_else(house: House) -> None:
    id, _ = await house.upload(f"{EVERYWHERE} mark900x upload")
    await house.upkept("reindex", model="model-b")
    for n in range(20):
        (house.files / f"{n}.txt").unlink()
    await house.index()
    await house.idle()
    left = {name: text for name, text in FILES.items() if int(name[:-4]) >= 20}
    collection_id = await house.mirrored()
    assert collection_id
    (house.folder / "indexes" / "v99" / "x").mkdir(parents=True)
    (house.folder / "indexes" / "v1" / ("0" * 32)).mkdir(parents=True, exist_ok=True)
    (house.folder / "indexes" / "mine").mkdir()
    freed = (await house.upkept("gc")).payload["freed"]
    assert (freed["marks"], freed["indexes"], freed["vectors"]) == (60, 2, 0)
    assert (house.folder / "indexes" / "mine").is_dir()
    async with house.db.read() as conn:
        assert await chunks.deleted_since(conn, collection_id, 0) == []
        assert await vectors.models(conn) == ["model-a", "model-b"]
    assert await differences(house, left, {id: f"{EVERYWHERE} mark900x upload"}) == []
    freed = (await house.upkept("gc", previous=True)).payload["freed"]
    assert freed["vectors"] == 61 and freed["indexes"] == 1 and freed["bytes"] > 0
    async with house.db.read() as conn:
        assert await vectors.models(conn) == ["model-b"]
    assert await differences(house, left, {id: f"{EVERYWHERE} mark900x upload"}) == []
    assert not any((await house.upkept("gc")).payload["freed"].values())


async def test_folders_of_no_version_or_collection_are_swept(house: House) -> None:
    root = house.folder / "indexes"
    unwanted = [root / "v99", root / "v1" / ("0" * 32)]
    for path in [*unwanted, root / "mine"]:
        path.mkdir(parents=True)
        (path / "some").write_bytes(b"12345")
    assert await gc.sweep_indexes(house.db, root) == (2, 10)
    assert not any(path.exists() for path in unwanted)
    assert (root / "mine").is_dir()
    assert await differences(house, FILES, {}) == []


async def test_gc_leaves_an_upload_that_is_arriving(house: House) -> None:
    arriving, left = house.folder / "blobs" / ("a" * 32), house.folder / "blobs" / ("b" * 32)
    for blob in (arriving, left):
        blob.mkdir(parents=True)
        (blob / ".part").write_bytes(b"half")
    for path in (left / ".part", left):
        os.utime(path, (0, 0))
    freed = (await house.upkept("gc")).payload["freed"]
    assert freed["blobs"] == 1 and arriving.is_dir() and not left.exists()


async def test_the_state_tells_how_collections_are_indexed(house: House) -> None:
    await house.upload("")
    await house.idle()
    by_name = {item.collection.name: item for item in await house.upkeep.state(house.owner)}
    files = by_name["files"]
    assert (dict(files.states), files.chunks, files.embedded) == ({"ready": 30}, 60, 60)
    assert files.bytes > 1000
    assert dict(by_name["uploads"].states) == {"failed": 1}
