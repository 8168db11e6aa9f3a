"""A collection is removed: nothing of it is left but what answers quote, and the person's own files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from petra.errors import NotFound
from petra.storage import collections, jobs
from petra.storage.tables import metadata
from tests.api.rig import Rig, rig

NOTES = "A deadlock needs four conditions to hold at once.\n"
ON_RECORD = {"conversations", "messages", "parts", "sources", "usage"}
"""Tables of what was asked and answered: that stays."""


@pytest.fixture
async def petra() -> AsyncIterator[Rig]:
    async with rig() as open_rig:
        yield open_rig


async def folder(petra: Rig, root: Path, *texts: str) -> dict[str, Any]:
    root.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (root / f"{number}.md").write_text(text)
    async with petra.local.post("/api/v1/index", json={"path": str(root)}) as response:
        started: dict[str, Any] = await response.json()
    return started


async def mentions(petra: Rig, *ids: str) -> dict[str, int]:
    """In which tables any of these ids stands, and how often."""
    found = {}
    async with petra.petra.db.read() as conn:
        for table in metadata.sorted_tables:
            rows = [[str(value) for value in row] for row in await conn.execute(select(table))]
            if count := sum(not set(ids).isdisjoint(row) for row in rows):
                found[table.name] = count
    return found


async def removed(petra: Rig, id: str, status: int = 204) -> None:
    async with petra.http.delete(f"/api/v1/collections/{id}") as response:
        assert response.status == status, await response.text()


async def vectors(petra: Rig) -> int:
    async with petra.petra.db.read() as conn:
        return len(list(await conn.execute(select(metadata.tables["vectors"].c.text_hash))))


async def embedded(petra: Rig) -> None:
    async with asyncio.timeout(20):
        while any(job["state"] not in jobs.ENDED for job in await petra.get("/api/v1/jobs")):
            await asyncio.sleep(0.02)


async def test_nothing_of_a_folder_is_left_but_the_folder_and_the_answers(petra: Rig, tmp_path: Path) -> None:
    started = await folder(petra, tmp_path / "course", NOTES, "A page table maps pages.\n")
    kept = await folder(petra, tmp_path / "kept", "A semaphore counts.\n", NOTES)
    await petra.petra.jobs.wait(started["job_id"])
    await petra.petra.jobs.wait(kept["job_id"])
    await embedded(petra)
    before = await vectors(petra)
    id = started["collection_id"]
    asked = {"question": "What does a deadlock need?", "collections": ["course"]}
    answer = await petra.post("/api/v1/ask", asked)
    document = answer["sources"][0]["document_id"]
    async with asyncio.timeout(20):
        while petra.petra.watching.state(id) != ("watched", ""):
            await asyncio.sleep(0.02)

    await removed(petra, id)

    assert await mentions(petra, id) == {}
    assert set(await mentions(petra, document)) <= ON_RECORD
    assert await vectors(petra) == before - 1, "those of a text that another collection has stay"
    assert petra.petra.watching.state(id) is None
    indexes = petra.petra.settings.indexes
    assert await asyncio.to_thread(lambda: list(indexes.glob(f"v*/{id}"))) == []
    found = (await petra.get("/api/v1/search", params={"q": "page table"}))["passages"]
    assert {item["document"] for item in found} <= {"0.md", "1.md"}
    assert not any("page table" in item["text"] for item in found)
    assert sorted(path.name for path in (tmp_path / "course").iterdir()) == ["0.md", "1.md"]
    # As of any document that was removed: the answer is there, its source says that it is gone.
    said = await petra.get(f"/api/v1/conversations/{answer['conversation_id']}")
    assert said["messages"][1]["content"] == answer["answer"]
    assert said["messages"][1]["sources"][0]["quote"] == answer["sources"][0]["quote"]
    gone = await petra.get(f"/api/v1/documents/{document}", status=404)
    assert "It may have been removed" in gone["error"]["remedy"]

    await removed(petra, id, status=404)
    (tmp_path / "course" / "0.md").write_text("A wombat digs.\n")
    again = await folder(petra, tmp_path / "course")
    await petra.petra.jobs.wait(again["job_id"])
    assert again["collection_id"] != id
    found = (await petra.get("/api/v1/search", params={"q": "wombat", "k": "1"}))["passages"]
    assert "wombat" in found[0]["text"]


async def test_uploads_go_with_their_bytes(petra: Rig) -> None:
    sent = await petra.upload("notes.md", NOTES.encode(), collection="course")
    await petra.upload("other.md", b"A wombat digs.\n", collection="zoo")
    mine = {item["name"]: item["id"] for item in await petra.get("/api/v1/collections")}
    await removed(petra, mine["course"])
    assert await mentions(petra, mine["course"], sent["document_id"]) == {}
    uploads = petra.petra.settings.uploads
    assert len(await asyncio.to_thread(lambda: list(uploads.iterdir()))) == 1
    await petra.get("/api/v1/search", params={"q": "deadlock", "collection": "course"}, status=404)
    again = await petra.upload("notes.md", NOTES.encode(), collection="course")
    assert again["document_id"] != sent["document_id"]


async def test_a_job_that_is_at_work_is_cancelled(petra: Rig, tmp_path: Path) -> None:
    texts = [f"Note {number} about paging.\n" * 40 for number in range(400)]
    started = await folder(petra, tmp_path / "large", *texts)
    async with asyncio.timeout(20):
        while "extracting" not in [job["state"] for job in await petra.get("/api/v1/jobs")]:
            await asyncio.sleep(0.005)
    await removed(petra, started["collection_id"])
    job = await petra.get(f"/api/v1/jobs/{started['job_id']}")
    assert (job["state"], job["reason"]) == ("cancelled", "Its collection was removed")
    await asyncio.sleep(0.5)
    assert (await petra.get("/api/v1/search", params={"q": "paging"}))["passages"] == []
    assert await petra.get("/api/v1/documents") == []
    assert await vectors(petra) == 0


async def test_a_result_that_was_kept_is_forgotten(petra: Rig, tmp_path: Path) -> None:
    started = await folder(petra, tmp_path / "course", NOTES)
    await petra.petra.jobs.wait(started["job_id"])
    await embedded(petra)
    for _ in range(2):
        assert (await petra.get("/api/v1/search", params={"q": "deadlock"}))["passages"]
    assert petra.petra.searcher._results
    await removed(petra, started["collection_id"])
    assert not petra.petra.searcher._results


async def test_whoever_waits_for_its_changes_is_told_at_once(petra: Rig, tmp_path: Path) -> None:
    started = await folder(petra, tmp_path / "course", NOTES)
    at = f"/api/v1/collections/{started['collection_id']}/changes"
    seen = max(change["number"] for change in (await petra.get(at))["changes"])
    waiting = asyncio.create_task(petra.get(at, params={"after": seen + 100}))
    await asyncio.sleep(0.1)
    await removed(petra, started["collection_id"])
    async with asyncio.timeout(5):
        assert (await waiting)["changes"] == []
    await petra.get(at, status=404)


async def test_the_collection_of_somebody_else_does_not_exist(petra: Rig) -> None:
    async with petra.petra.db.write() as conn:
        users = metadata.tables["users"]
        await conn.execute(users.insert().values(id="b" * 32, name="b", role="student", created_at=0))
        theirs = await collections.create(conn, "b" * 32, "theirs")
    await removed(petra, theirs.id, status=404)
    async with petra.petra.db.read() as conn:
        assert await collections.get(conn, theirs.id)


async def test_an_upload_that_arrives_too_late_leaves_nothing(petra: Rig) -> None:
    await petra.upload("a.md", b"A wombat digs.\n", collection="zoo")
    ingest = petra.petra.ingest
    (zoo,) = await petra.get("/api/v1/collections")
    add = ingest.add_upload

    async def late(*arguments: Any) -> Any:
        await removed(petra, zoo["id"])
        return await add(*arguments)

    ingest.add_upload = late  # type: ignore[method-assign]
    answer = await petra.upload("b.md", b"A quokka smiles.\n", status=404, collection="zoo")
    assert answer["error"]["code"] == NotFound.code
    uploads = petra.petra.settings.uploads
    assert await asyncio.to_thread(lambda: list(uploads.iterdir())) == []
    async with petra.petra.db.read() as conn:
        assert list(await conn.execute(select(metadata.tables["uploads"]))) == []
