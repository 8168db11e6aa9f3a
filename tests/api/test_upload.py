"""What a refused upload leaves behind: nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.api.rig import rig


async def test_an_upload_into_a_folders_collection_is_refused_and_leaves_no_blob(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("Paging divides memory into frames.")
    async with rig() as petra:
        body = {"path": str(tmp_path), "collection": "course"}
        async with petra.local.post("/api/v1/index", json=body) as started:
            assert started.status == 202
            await petra.petra.jobs.wait((await started.json())["job_id"])
        answer = await petra.upload("more.md", b"More about paging.", status=400, collection="course")
        assert "mirrors a folder" in answer["error"]["what"]
        uploads = petra.petra.settings.uploads
        left = await asyncio.to_thread(lambda: list(uploads.glob("*")))
        assert left == []


async def test_a_collections_name_shows_all_of_itself() -> None:
    async with rig() as petra:
        named = await petra.upload("a.md", b"Paging divides memory.", collection="ab\u202e\u200bc")
        assert named["collection"] == "abc"
