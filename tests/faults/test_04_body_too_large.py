"""Row 4: body over the limit → 413 before reading it all; nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.api.rig import Rig, rig

LIMIT = 1024 * 1024


@pytest.fixture
async def petra() -> AsyncIterator[Rig]:
    async with rig(upload_limit=LIMIT, body_limit=64 * 1024) as open_rig:
        yield open_rig


class Endless:
    """A body of 100 MiB that counts how much of it was taken."""

    def __init__(self) -> None:
        self.sent = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        for _ in range(1600):
            self.sent += 64 * 1024
            yield b"x" * 64 * 1024
            await asyncio.sleep(0)


async def test_upload_that_says_its_size(petra: Rig) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", petra.server.port)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{petra.server.port}\r\n"
        f"Authorization: Bearer {petra.petra.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000000\r\n\r\n"
    )
    writer.write(head.encode())
    reply = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    assert b" 413 " in reply  # not a byte of the body was sent
    writer.close()
    await writer.wait_closed()


async def test_upload_that_does_not(petra: Rig) -> None:
    body = Endless()
    with aiohttp.MultipartWriter("form-data") as form:
        form.append(body.pieces()).set_content_disposition("form-data", name="file", filename="big.txt")
        try:
            async with petra.http.post("/upload", data=form) as response:
                assert response.status == 413
                error = (await response.json())["error"]
                assert error["what"] == "The file is larger than 1 MiB"
                assert "UPLOAD_LIMIT" in error["remedy"]
        except aiohttp.ClientConnectionError:
            pass  # closed while we were still sending, which is as good
    assert body.sent < 1600 * 64 * 1024
    assert list(petra.petra.settings.uploads.glob("*/*")) == []
    assert await petra.get("/api/v1/documents") == []


async def test_json(petra: Rig) -> None:
    error = await petra.post("/api/v1/ask", {"question": "x" * 70_000}, status=413)
    assert error["error"]["code"] == "too_large"
    await petra.post("/api/v1/ask", {"question": "and the next one?"})
