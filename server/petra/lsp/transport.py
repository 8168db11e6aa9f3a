"""One client's connection: frames in, frames out, one session, and an end that frees all of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from petra import telemetry
from petra.lsp.framing import FrameDecoder, FrameError, frame

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

READ_SIZE = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """What a client may take its time for, in seconds, and how much may wait for it, in bytes.

    `frame`: from the first byte of a message to its last. `unread`: leaving what is sent to it unread;
    without that limit and `backlog` a server buffers for a client that never reads until memory is out.
    """

    preamble: float = 5.0
    frame: float = 30.0
    unread: float = 30.0
    backlog: int = 8 * 1024 * 1024


class Outbox:
    """What goes to the client. `write` never waits; whoever writes much awaits `drained` between."""

    def __init__(self, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._writer = writer
        self._limits = limits
        self.closed = False

    def write(self, body: bytes) -> None:
        """Send a message. A client that has left too much unread is dropped."""
        if self.closed or self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > self._limits.backlog:
            self.drop("too_much_unread")
        else:
            self._writer.write(frame(body))

    async def drained(self) -> None:
        """Wait until the client has read enough. Raises ConnectionError when it never does."""
        try:
            async with asyncio.timeout(self._limits.unread):
                await self._writer.drain()
        except TimeoutError:
            self.drop("never_reads")
            raise ConnectionAbortedError from None

    def close(self) -> None:
        """Stop reading and writing after what is written already."""
        self.closed = True

    def drop(self, reason: str) -> None:
        """End the connection at once, unsent messages included."""
        if not self.closed:
            log.warning("lsp_client_dropped", reason=reason)
            self.closed = True
            self._writer.transport.abort()


class Connection:
    """Reads frames and gives their bodies to a session until either side ends."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session, limits: Limits
    ) -> None:
        self._reader = reader
        self._outbox = Outbox(writer, limits)
        self._session = session
        self._limits = limits
        self._decoder = FrameDecoder()

    async def run(self) -> None:
        """Serve the client until it leaves, says `exit` or breaks the protocol; then free everything."""
        protocol = self._session.protocol
        protocol.set_writer(self._outbox)
        try:
            while (body := await self._next_body()) is not None:
                protocol.receive(body)
                await self._outbox.drained()
                # Requests start and other clients are served between two messages of a busy one.
                await asyncio.sleep(0)
                if self._outbox.closed:
                    break
        except FrameError as error:
            log.warning("lsp_connection_closed", reason=str(error))
        except TimeoutError:
            log.warning("lsp_connection_closed", reason="a frame was begun and not completed")
        except ConnectionError:
            log.info("lsp_client_gone")
        finally:
            self._outbox.close()
            await protocol.cancel_all()

    async def _next_body(self) -> bytes | None:
        """The next message, or None at the end of the stream."""
        deadline: float | None = None
        while True:
            if (body := self._decoder.next_body()) is not None:
                return body
            if deadline is None and self._decoder.partial:
                deadline = asyncio.get_running_loop().time() + self._limits.frame
            async with asyncio.timeout_at(deadline):
                data = await self._reader.read(READ_SIZE)
            if not data:
                return None
            self._decoder.feed(data)
