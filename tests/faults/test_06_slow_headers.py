"""Row 6: slow headers → timeout; they do not hold a place for ever."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.rig import rig


async def test_slow_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.api.server.HEADER_TIMEOUT", 0.3)
    async with rig() as petra:
        reader, writer = await asyncio.open_connection("127.0.0.1", petra.server.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: 127")
        started = asyncio.get_running_loop().time()
        dripping = asyncio.create_task(_drip(writer))
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        assert asyncio.get_running_loop().time() - started < 3
        dripping.cancel()
        writer.close()
        await petra.get("/api/v1/documents")


async def _drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then keeps a connection alive where the time is counted from the last one."""
    while not writer.is_closing():
        writer.write(b"0")
        await asyncio.sleep(0.1)
