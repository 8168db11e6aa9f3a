"""Row 7: client gone mid-upload → nothing left behind."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.rig import rig


async def test_client_gone_mid_upload(caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as petra:
        uploads = petra.petra.settings.uploads
        _, writer = await asyncio.open_connection("127.0.0.1", petra.server.port)
        writer.write(
            f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{petra.server.port}\r\n"
            f"Authorization: Bearer {petra.petra.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
            "the beginning of a file that never ends".encode()
        )
        await writer.drain()
        async with asyncio.timeout(5):
            while not list(uploads.glob("*")):
                await asyncio.sleep(0.01)
        writer.transport.abort()
        async with asyncio.timeout(5):
            while list(uploads.glob("*")):
                await asyncio.sleep(0.01)
        assert await petra.get("/api/v1/documents") == []
        await petra.upload("a.txt", b"The next one is taken.")
        assert caplog.text == "", "a client that leaves is no error of the server"
