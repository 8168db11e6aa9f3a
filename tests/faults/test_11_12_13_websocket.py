"""Rows 11 to 13: a frame over the limit, a client that never reads, a peer that is gone."""

from __future__ import annotations

import asyncio
import base64
import os
import socket

import aiohttp
import pytest

from tests.api.rig import Rig, rig


async def test_a_frame_over_the_limit_closes_with_1009() -> None:
    async with rig(body_limit=64 * 1024) as petra, petra.http.ws_connect("/ws") as ws:
        await ws.send_str("x" * 70_000)
        message = await ws.receive(timeout=5)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1009)
        await petra.get("/api/v1/documents")


async def test_a_client_that_never_reads_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.api.websocket.SEND_DEADLINE", 0.3)
    async with rig() as petra:
        _, writer = await _open(petra)
        # Each frame is answered by an error, and nobody takes the answers.
        with pytest.raises((ConnectionError, TimeoutError)):
            async with asyncio.timeout(20):
                while True:
                    writer.write(_masked(b"{}") * 2000)
                    await writer.drain()
        async with asyncio.timeout(5):
            while petra.petra.presence.open:
                await asyncio.sleep(0.02)
        writer.transport.abort()
        await petra.get("/api/v1/documents")


async def test_a_peer_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("petra.api.websocket.HEARTBEAT", 0.2)
    async with rig() as petra:
        # It answers no ping: that is what a half-open connection looks like from here.
        _, writer = await _open(petra)
        assert petra.petra.presence.open
        async with asyncio.timeout(5):
            while petra.petra.presence.open:
                await asyncio.sleep(0.02)
        writer.transport.abort()


async def test_a_place_to_resume_from_that_is_no_place() -> None:
    """Row 15 with numbers that no database takes."""
    async with rig() as petra, petra.http.ws_connect("/ws") as ws:
        answer = await petra.post("/api/v1/ask", {"question": "What is it?"})
        await ws.send_json({"type": "resume", "ref": "a", "id": answer["id"], "seq": -(10**30)})
        assert (await ws.receive_json(timeout=5))["seq"] == 0
        while (await ws.receive_json(timeout=5))["part"]["kind"] != "done":
            pass
        await ws.send_json({"type": "resume", "ref": "b", "id": answer["id"], "seq": 10**30})
        await ws.send_json({"type": "resume", "ref": "c", "id": "nobody's", "seq": 0})
        message = await ws.receive_json(timeout=5)
        assert (message["ref"], message["error"]["code"]) == ("c", "not_found")


async def _open(petra: Rig) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket of which nothing is ever read after the handshake."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", petra.server.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{petra.server.port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        f"Authorization: Bearer {petra.petra.token}\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    return reader, writer


def _masked(payload: bytes) -> bytes:
    """A text frame as a client sends it, with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return b"\x81" + length + b"\0\0\0\0" + payload
