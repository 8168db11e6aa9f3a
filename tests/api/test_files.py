"""The files behind the documents of a folder: opened for the owner's browser, and only as indexed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from sqlalchemy import text

from tests.api.rig import Rig, rig
from tests.files import lecture_pdf

SECRET = "SECRET_KEY = 'nobody may read this'\n"


async def indexed(petra: Rig) -> tuple[Path, dict[str, Any]]:
    """A folder that was indexed, and the addresses of its documents by path."""
    root = petra.petra.settings.data_dir.parent / "course"
    (root / "src").mkdir(parents=True)
    lecture_pdf(root / "lecture.pdf", pages=2)
    (root / "src" / "lab.py").write_text("def page():\n    return 1\n")
    async with petra.local.post("/api/v1/index", json={"path": str(root)}) as response:
        started = await response.json()
    assert (await petra.petra.jobs.wait(started["job_id"])).state == "ready"
    found = await petra.get("/api/v1/documents", params={"collection": "course"})
    return root, {item["path"]: f"/api/v1/documents/{item['id']}" for item in found}


async def refused(petra: Rig, at: str, status: int, code: str) -> dict[str, Any]:
    """Its bytes and pictures are refused in the same words in which the document says so."""
    error = (await petra.get(f"{at}/file", status=status))["error"]
    assert (error["code"], bool(error["remedy"])) == (code, True)
    document = await petra.get(at)
    if document["pages"]:
        assert (await petra.get(f"{at}/pages/1.png", status=status))["error"] == error
    assert (document["file"], document["file_error"]) == (False, error)
    assert (await petra.get(f"{at}/text"))["text"], "the text that was indexed stays readable"
    return dict(error)


async def test_the_owners_browser_opens_the_files_of_a_folder(petra: Rig) -> None:
    root, at = await indexed(petra)
    lecture = at["lecture.pdf"]
    assert (await petra.get(lecture))["file"] is True
    async with petra.http.get(f"{lecture}/file") as response:
        assert await response.read() == (root / "lecture.pdf").read_bytes()
        assert response.content_type == "application/pdf"
    async with petra.http.get(f"{lecture}/pages/2.png", params={"width": "200"}) as response:
        assert (await response.read()).startswith(b"\x89PNG")
        assert response.headers["Cache-Control"] == "private, no-cache"
        tag = response.headers["ETag"]
    async with petra.http.get(
        f"{lecture}/pages/2.png", params={"width": "200"}, headers={"If-None-Match": tag}
    ) as response:
        assert response.status == 304
    async with petra.stranger.get(f"{lecture}/file") as response:
        assert response.status == 401


async def test_a_file_that_has_changed_is_not_passed_off_as_the_indexed_one(petra: Rig) -> None:
    root, at = await indexed(petra)
    lecture_pdf(root / "lecture.pdf", pages=1)
    error = await refused(petra, at["lecture.pdf"], 409, "document_changed")
    assert "has changed since it was indexed" in error["what"] and "petra index" in error["remedy"]
    lab = root / "src" / "lab.py"
    about = lab.stat()
    lab.write_text("def page():\n    return 2\n")
    os.utime(lab, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    await refused(petra, at["src/lab.py"], 409, "document_changed")
    lab.unlink()
    await refused(petra, at["src/lab.py"], 404, "not_found")


@pytest.mark.parametrize("link", ["the file", "its folder", "to a neighbour"])
async def test_no_link_leads_anywhere(petra: Rig, link: str) -> None:
    root, at = await indexed(petra)
    lab = root / "src" / "lab.py"
    about = lab.stat()
    outside = root.parent / "elsewhere"
    outside.mkdir()
    # Same size and time as what was indexed: only the link tells.
    target = (root / "src" / "settings.py") if link == "to a neighbour" else (outside / "lab.py")
    target.write_text(SECRET[: about.st_size])
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert target.stat().st_size == about.st_size
    lab.unlink()
    if link == "its folder":
        lab.parent.rmdir()
        lab.parent.symlink_to(outside)
    else:
        lab.symlink_to(target)
    await refused(petra, at["src/lab.py"], 409, "document_changed")


async def test_a_recorded_path_that_leaves_its_folder_is_refused(petra: Rig) -> None:
    root, at = await indexed(petra)
    outside = root.parent / "secrets.txt"
    outside.write_text(SECRET)
    about = outside.stat()
    for path in ("../secrets.txt", str(outside)):
        async with petra.petra.db.write() as conn:
            await conn.execute(
                text("UPDATE documents SET path = :p, size = :s, mtime_ns = :t WHERE title = 'lab.py'"),
                {"p": path, "s": about.st_size, "t": about.st_mtime_ns},
            )
        await refused(petra, at["src/lab.py"], 409, "document_changed")


async def test_a_classroom_server_sends_nothing_of_its_disk_over_the_network(tmp_path: Path) -> None:
    settings = {
        "mode": "prod",
        "database_url": f"sqlite+aiosqlite:///{tmp_path / 'petra.db'}",
        "secret_key": "k" * 32,
        "public_url": "http://127.0.0.1",
    }
    async with rig(**settings) as petra:
        with blockbuster_ctx("petra"):
            _, at = await indexed(petra)
            error = await refused(petra, at["lecture.pdf"], 404, "not_found")
            assert "upload it" in error["remedy"]
            async with petra.local.get(f"{at['lecture.pdf']}/file") as response:
                assert response.status == 200


async def test_a_file_of_a_folder_is_not_removed_and_it_is_said_how_to_leave_it_out(petra: Rig) -> None:
    _, at = await indexed(petra)
    lab = at["src/lab.py"]
    assert (await petra.get(lab))["leave_out"] == "/src/lab.py"
    async with petra.http.delete(lab) as response:
        error = (await response.json())["error"]
    assert (response.status, error["code"]) == (400, "bad_request")
    assert "`/src/lab.py`" in error["remedy"]
    assert ".petraignore" in error["remedy"]
    assert (await petra.get(lab))["name"] == "lab.py"
    sent = await petra.upload("notes.md", b"An upload is removed.\n")
    assert (await petra.get(f"/api/v1/documents/{sent['document_id']}"))["leave_out"] is None
