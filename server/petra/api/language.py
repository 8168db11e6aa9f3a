"""`/lsp`: the Language Server Protocol over a WebSocket, one JSON-RPC message a frame, without headers.

What a session is, `petra.lsp` knows; here is only the way that its messages travel.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from aiohttp import WSMsgType, web

from petra.api.keys import LANGUAGE, SOCKETS
from petra.api.routes import Route, identity, route
from petra.api.websocket import HEARTBEAT

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Largest message, in bytes: a whole document fits. A test holds it equal to that of the other doors."""

LITTLE = 64 * 1024
"""Unsent bytes that nobody has to wait for."""


class SocketChannel:
    """A `petra.lsp` channel over a WebSocket: what is sent waits in a queue for a task that sends it."""

    def __init__(self, socket: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self._socket = socket
        self._transport = transport
        self._queue: deque[bytes] = deque()
        self._waiting = 0
        self._more = asyncio.Event()
        self._little = asyncio.Event()
        self._little.set()

    async def receive(self) -> bytes | None:
        """The next message; None when the socket has closed, which aiohttp does at a frame too large."""
        message = await self._socket.receive()
        if message.type is WSMsgType.TEXT:
            return str(message.data).encode()
        return bytes(message.data) if message.type is WSMsgType.BINARY else None

    def send(self, body: bytes) -> None:
        """Put a message into the queue."""
        self._queue.append(body)
        self._waiting += len(body)
        self._more.set()
        if self._waiting > LITTLE:
            self._little.clear()

    def unsent(self) -> int:
        """Bytes in the queue."""
        return self._waiting

    async def drained(self) -> None:
        """Wait until little is in the queue."""
        await self._little.wait()
        if self._socket.closed:
            raise ConnectionResetError

    def abort(self) -> None:
        """Close the connection under the socket: a client that does not read takes no goodbye."""
        if self._transport:
            self._transport.abort()

    async def send_all(self) -> None:
        """Send what is in the queue for as long as the socket is open; run it as a task."""
        with suppress(ConnectionError):
            while not self._socket.closed:
                await self._more.wait()
                await self._send_queued()
        self._little.set()

    async def flush(self) -> None:
        """Send what is left in the queue, before the socket is closed."""
        with suppress(ConnectionError):
            await self._send_queued()

    async def _send_queued(self) -> None:
        while self._queue:
            body = self._queue.popleft()  # before it is sent: whoever is cancelled there has written it
            await self._socket.send_frame(body, WSMsgType.TEXT)
            self._waiting -= len(body)
            if self._waiting <= LITTLE:
                self._little.set()
        self._more.clear()


async def connect(request: web.Request) -> web.WebSocketResponse:
    """Serve one language client until it leaves."""
    socket = web.WebSocketResponse(heartbeat=HEARTBEAT, max_msg_size=MESSAGE_LIMIT, compress=False)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    channel = SocketChannel(socket, request.transport)
    sending = asyncio.create_task(channel.send_all())
    try:
        await request.app[LANGUAGE](channel, identity(request))
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        request.app[SOCKETS].discard(socket)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await channel.flush()
                await socket.close()
    return socket


ROUTES: tuple[Route, ...] = (route("GET", "/lsp", "use_editor", connect, door="lsp", head=False),)
