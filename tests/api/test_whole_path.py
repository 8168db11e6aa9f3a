"""Upload, ask, follow a source: the path of a browser, and of a program with the token."""

from __future__ import annotations

import asyncio
import io

import pytest

from tests.api.rig import Rig, rig

NOTES = b"A deadlock needs four conditions to hold at once.\n\nBreaking one is enough.\n"


async def test_an_upload_is_answered_with_its_text_and_can_be_asked_about(petra: Rig) -> None:
    sent = await petra.upload("notes.md", NOTES)
    assert sent["state"] == "ready", sent
    assert "four conditions" in sent["excerpt"]
    assert (sent["name"], sent["size"], sent["collection"]) == ("notes.md", len(NOTES), "Uploads")
    answer = await petra.post("/api/v1/ask", {"question": "What does a deadlock need?"})
    assert "four conditions" in answer["answer"]
    assert answer["sources"][0]["document_id"] == sent["document_id"]
    assert answer["usage"]["prompt_tokens"] > 0


async def test_the_same_bytes_again_are_the_same_document(petra: Rig) -> None:
    first = await petra.upload("notes.md", NOTES)
    second = await petra.upload("copy of notes.md", NOTES, status=200)
    assert second["document_id"] == first["document_id"]
    assert len(await petra.get("/api/v1/documents")) == 1
    assert len(list(petra.petra.settings.uploads.iterdir())) == 1


async def test_the_same_bytes_at_the_same_time_are_one_document(petra: Rig) -> None:
    both = await asyncio.gather(*(_status(petra, NOTES) for _ in range(2)))
    assert sorted(status for status, _ in both) == [200, 201]
    assert len({document for _, document in both}) == 1


async def _status(petra: Rig, content: bytes) -> tuple[int, str]:
    import aiohttp

    form = aiohttp.FormData()
    form.add_field("file", content, filename="n.md")
    async with petra.http.post("/upload", data=form) as response:
        return response.status, (await response.json())["document_id"]


async def test_a_file_name_is_shown_and_never_a_path(petra: Rig) -> None:
    sent = await petra.upload("../../etc/\u202epasswd.md", NOTES)
    assert sent["name"] == "passwd.md"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="the %22short%22 list.md"', 'the "short" list.md'),
        ('filename="two%0D%0Alines.md"', "twolines.md"),
        ('filename="100%25 sure%2F%20x%0a.md"', "100%25 sure%2F%20x%0a.md"),
        ("filename*=UTF-8''a%2522b.md", "a%22b.md"),
        ('filename="%0A%0D"', "unnamed"),
    ],
)
async def test_a_name_is_read_as_browsers_write_it(petra: Rig, disposition: str, name: str) -> None:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; {disposition}\r\n\r\n'
    body = head.encode() + NOTES + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with petra.http.post("/upload", data=io.BytesIO(body), headers=headers) as response:
        assert (response.status, (await response.json())["name"]) == (201, name)


async def test_a_document_can_be_read_and_removed(petra: Rig) -> None:
    sent = await petra.upload("notes.md", NOTES)
    at = f"/api/v1/documents/{sent['document_id']}"
    assert (await petra.get(at))["collection"] == "Uploads"
    assert (await petra.get(f"{at}/text?from=3&to=3"))["text"].startswith("Breaking one")
    async with petra.http.get(f"{at}/file") as response:
        assert await response.read() == NOTES
        assert response.content_type == "text/plain"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    async with petra.http.delete(at) as response:
        assert response.status == 204
    await petra.get(at, status=404)
    assert list(petra.petra.settings.uploads.iterdir()) == []


async def test_search_gives_passages_with_their_place(petra: Rig) -> None:
    await petra.upload("notes.md", NOTES)
    found = await petra.get("/api/v1/search", params={"q": "deadlock", "k": "1"})
    (passage,) = found["passages"]
    assert passage["document"] == "notes.md"
    assert passage["lines"] and passage["text"]
    await petra.get("/api/v1/search", params={"q": "x", "collection": "Nowhere"}, status=404)
    for bad in ({"q": " "}, {"q": "x", "k": "0"}, {"q": "x", "k": "ten"}, {"q": "a\0b"}):
        await petra.get("/api/v1/search", params=bad, status=400)


async def test_a_folder_is_indexed_over_the_local_socket_only(petra: Rig) -> None:
    folder = petra.petra.settings.data_dir.parent / "course"
    folder.mkdir()
    (folder / "notes.md").write_bytes(NOTES)
    refused = await petra.post("/api/v1/index", {"path": str(folder)}, status=403)
    assert "petra index" in refused["error"]["remedy"]
    async with petra.local.post("/api/v1/index", json={"path": str(folder)}) as response:
        assert response.status == 202, await response.text()
        started = await response.json()
    job = await petra.petra.jobs.wait(started["job_id"])
    assert job.state == "ready", job.reason
    (document,) = await petra.get("/api/v1/documents", params={"collection": started["collection"]})
    assert "four" in (await petra.get(f"/api/v1/documents/{document['id']}/text"))["text"]


async def test_an_editor_asks_about_what_is_marked(petra: Rig) -> None:
    await petra.upload("notes.md", NOTES)
    asked = {"selection": "lock(a); lock(b);", "filePath": "/home/x/a.c", "workspaceFolder": "/home/x"}
    answer = await petra.post("/api/v1/vscode/ask", asked)
    assert answer["finish_reason"] == "stop"
    await petra.post("/api/v1/vscode/ask", {"selection": " "}, status=400)


async def test_a_conversation_keeps_what_was_said(petra: Rig) -> None:
    await petra.upload("notes.md", NOTES)
    answer = await petra.post("/api/v1/ask", {"question": "What does a deadlock need?"})
    (listed,) = await petra.get("/api/v1/conversations")
    assert listed["title"] == "What does a deadlock need?"
    whole = await petra.get(f"/api/v1/conversations/{answer['conversation_id']}")
    assert [message["role"] for message in whole["messages"]] == ["user", "assistant"]
    assert whole["messages"][1]["content"] == answer["answer"]
    assert whole["messages"][1]["sources"][0]["n"] == 1
    assert whole["messages"][1]["usage"] == answer["usage"]
    assert [message["finish_reason"] for message in whole["messages"]] == [None, "stop"]


async def test_an_answer_that_failed_can_be_read_again_with_its_reason() -> None:
    async with rig(model_path="unix:/nowhere/model") as petra:
        await petra.upload("notes.md", NOTES)
        answer = await petra.post("/api/v1/ask", {"question": "What does a deadlock need?"})
        assert answer["error"]["code"] == "model_unavailable"
        whole = await petra.get(f"/api/v1/conversations/{answer['conversation_id']}")
        question, failed = whole["messages"]
        assert (failed["state"], failed["finish_reason"]) == ("failed", "error")
        assert failed["error"] == answer["error"]
        assert (question["error"], question["usage"], failed["usage"]) == (None, None, None)


async def test_it_says_how_it_is(petra: Rig) -> None:
    async with petra.stranger.get("/health") as response:
        assert (await response.json())["status"] == "ok"
    ready = await petra.get("/ready")
    assert ready["ready"] is True
    assert ready["components"]["database"] == {"state": "ready"}
    status = await petra.get("/api/v1/status")
    assert status["documents"] == 0
    assert (await petra.get("/config"))["port"] == 7878
    async with petra.http.get("/metrics") as response:
        assert b"petra_requests_total" in await response.read()
