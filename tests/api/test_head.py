"""What answers GET answers HEAD: the same status and headers, and no body."""

from __future__ import annotations

import aiohttp

from tests.api.rig import Rig

NOTES = b"A deadlock needs four conditions to hold at once.\n"
VARYING = ("X-Request-Id", "Date")


async def test_head_is_get_without_the_body(petra: Rig) -> None:
    sent = await petra.upload("notes.md", NOTES)
    at = f"/api/v1/documents/{sent['document_id']}"
    for path in ("/", "/health", "/ready", "/api/v1/documents", at, f"{at}/file", f"{at}/text", "/nothing"):
        async with petra.http.get(path) as response:
            status, wanted = response.status, _steady(response)
        async with petra.http.head(path) as response:
            assert (response.status, await response.read()) == (status, b""), path
            assert _steady(response) == wanted, path


async def test_head_follows_no_stream_and_opens_no_socket(petra: Rig) -> None:
    await petra.upload("notes.md", NOTES)
    answer = await petra.post("/api/v1/ask", {"question": "What does a deadlock need?"})
    async with petra.http.head(f"/api/v1/answers/{answer['id']}") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["X-Answer-Id"] == answer["id"]
    async with petra.http.head("/api/v1/answers/nothing") as response:
        assert response.status == 404
    async with petra.http.head("/ws") as response:
        assert response.status == 404


async def test_head_asks_who_it_is(petra: Rig) -> None:
    async with petra.stranger.head("/api/v1/documents") as response:
        assert response.status == 401


def _steady(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    """The headers, without those that differ from one request to the next."""
    headers = response.headers.copy()
    for name in VARYING:
        del headers[name]
    return sorted(headers.items())
