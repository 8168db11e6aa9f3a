"""A swap to another embedder in a whole server: its worker takes over, and questions go to it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from tests.api.rig import Rig, rig, stub_model


async def finished(petra: Rig, path: str, **body: object) -> dict[str, object]:
    job = await petra.post(path, body, status=202)
    await petra.petra.jobs.wait(job["job_id"])
    ended: dict[str, object] = await petra.get(f"/api/v1/jobs/{job['job_id']}")
    return ended


async def test_another_model_takes_over_and_gives_back() -> None:
    with tempfile.TemporaryDirectory(prefix="petra-") as other:
        async with rig() as petra, stub_model(Path(other), 0.0) as address:
            await petra.upload("a.md", b"Paging divides memory into frames.")
            await until_found(petra)
            first = (await petra.get("/api/v1/status"))["workers"]["embed"]["model"]
            job = await finished(petra, "/api/v1/reindex", model=address)
            assert job["state"] == "ready", job
            found = await petra.get("/api/v1/index")
            assert [version["state"] for version in found["versions"]] == ["previous", "active"]
            assert found["versions"][1]["model"] == address
            assert found["collections"][0]["embedded"] == found["collections"][0]["chunks"] == 1
            workers = (await petra.get("/api/v1/status"))["workers"]
            assert workers["embed"]["model"] == workers["embed-bulk"]["model"] == address
            await until_found(petra)
            await petra.upload("b.md", b"A mutex has one owner.")
            assert (await finished(petra, "/api/v1/reindex", rollback=True))["state"] == "ready"
            assert (await petra.get("/api/v1/status"))["workers"]["embed"]["model"] == first
            assert (await finished(petra, "/api/v1/gc", previous=True))["found"]
            await until_found(petra)


async def until_found(petra: Rig) -> None:
    for _ in range(200):
        passages = (await petra.get("/api/v1/search?q=paging"))["passages"]
        if passages and "frames" in passages[0]["text"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it is not found")


async def test_going_back_and_building_are_two_things() -> None:
    async with rig() as petra:
        said = await petra.post("/api/v1/reindex", {"rollback": True, "model": "x"}, status=400)
        assert said["error"]["remedy"]


async def test_a_start_removes_the_folders_of_versions_that_no_row_speaks_of(tmp_path: Path) -> None:
    left, mine = (tmp_path / "data" / "indexes" / name for name in ("v99", "notes"))
    for folder in (left, mine):
        folder.mkdir(parents=True)
    async with rig(data_dir=tmp_path / "data"):
        assert (left.exists(), mine.exists()) == (False, True)
