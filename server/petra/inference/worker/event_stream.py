"""A response of server-sent events that costs little: what one turn of the event loop brings is one write."""

from __future__ import annotations

import asyncio

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

# Bytes that the socket has not taken: as many as asyncio itself lets wait before it asks for a pause.
FULL = 64 * 1024


class EventStream:
    """Put events in, and wait for `room` where it is `full`: the reader is slow then.

    The events of one step of the model come one after the other without a pause between them; the turn of
    the loop in which they came ends before they are written. They go to the transport directly, as a chunk
    of HTTP/1.1: aiohttp's own writing is a coroutine for each of them.
    """

    def __init__(self, request: web.Request, stall_s: float) -> None:
        self._request = request
        self._stall_s = stall_s
        self._loop = asyncio.get_running_loop()
        self._chunked = request.version >= HttpVersion11
        self._pending: list[bytes] = []
        self._size = 0
        self._writer: AbstractStreamWriter | None = None
        self.response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )

    async def start(self, first: bytes) -> None:
        """Send the headers and the first event."""
        if self._chunked:
            self.response.enable_chunked_encoding()
        self._writer = await self.response.prepare(self._request)
        await self.response.write(first)

    def put(self, event: bytes) -> None:
        """Send an event at the end of this turn of the loop."""
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.append(event)
        self._size += len(event)

    @property
    def full(self) -> bool:
        """Whether the reader has fallen behind, or so much has come in this turn that others must have
        theirs."""
        transport = self._request.transport
        written = transport.get_write_buffer_size() if transport else 0
        return written + self._size > FULL

    async def room(self) -> None:
        """Wait until the reader has caught up. Raises TimeoutError when it does not in time."""
        self._flush()
        await asyncio.sleep(0)
        if self._writer:
            async with asyncio.timeout(self._stall_s):
                await self._writer.drain()

    async def end(self) -> None:
        """Send what is left and the end. Raises TimeoutError when the reader does not take it in time."""
        self._flush()
        async with asyncio.timeout(self._stall_s):
            await self.response.write_eof()

    def _flush(self) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._size = 0
        transport = self._request.transport
        # Without one the reader has gone, and the handler is about to be cancelled.
        if data and transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
