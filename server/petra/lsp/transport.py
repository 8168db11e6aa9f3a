"""One client's connection, whichever way its messages travel: bodies in, bodies out, one session, and an
end that frees all of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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
    `preamble`: until a client has shown its token; `stranger`: the largest message before that.
    """

    preamble: float = 5.0
    stranger: int = 64 * 1024
    frame: float = 30.0
    unread: float = 30.0
    backlog: int = 8 * 1024 * 1024


class Channel(Protocol):
    """Messages of one client: frames on a stream (unix socket, TCP, stdio), or a WebSocket."""

    async def receive(self) -> bytes | None:
        """The next message, or None at the end. Raises FrameError, TimeoutError or ConnectionError."""

    def send(self, body: bytes) -> None:
        """Send a message without waiting; to one that is gone, nothing."""

    def unsent(self) -> int:
        """How many bytes wait for the client to read them."""

    async def drained(self) -> None:
        """Wait until little is unsent. Raises ConnectionError when the client is gone."""

    def abort(self) -> None:
        """End at once, unsent messages included."""


class StreamChannel:
    """A channel of frames over a pair of asyncio streams."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frame_seconds: float,
        decoder: FrameDecoder | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._seconds = frame_seconds
        self._decoder = decoder or FrameDecoder()

    async def receive(self) -> bytes | None:
        """See Channel. A frame that was begun has to be complete within its time."""
        deadline: float | None = None
        while (body := self._decoder.next_body()) is None:
            if deadline is None and self._decoder.partial:
                deadline = asyncio.get_running_loop().time() + self._seconds
            async with asyncio.timeout_at(deadline):
                data = await self._reader.read(READ_SIZE)
            if not data:
                return None
            self._decoder.feed(data)
        return body

    def send(self, body: bytes) -> None:
        """See Channel."""
        if not self._writer.is_closing():
            self._writer.write(frame(body))

    def unsent(self) -> int:
        """See Channel."""
        return self._writer.transport.get_write_buffer_size()

    async def drained(self) -> None:
        """See Channel."""
        await self._writer.drain()

    def abort(self) -> None:
        """See Channel."""
        self._writer.transport.abort()


class Outbox:
    """What goes to the client. `write` never waits; whoever writes much awaits `drained` between."""

    def __init__(self, channel: Channel, limits: Limits) -> None:
        self._channel = channel
        self._limits = limits
        self.closed = False

    def write(self, body: bytes) -> None:
        """Send a message. A client that has left too much unread is dropped."""
        if self.closed:
            return
        if self._channel.unsent() > self._limits.backlog:
            self.drop("too_much_unread")
        else:
            self._channel.send(body)

    async def drained(self) -> None:
        """Wait until the client has read enough. Raises ConnectionError when it never does."""
        try:
            async with asyncio.timeout(self._limits.unread):
                await self._channel.drained()
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
            self._channel.abort()


class Connection:
    """Gives a client's messages to a session until either side ends."""

    def __init__(self, channel: Channel, session: Session, limits: Limits) -> None:
        self._channel = channel
        self._outbox = Outbox(channel, limits)
        self._session = session

    async def run(self, first: Iterable[bytes] = ()) -> None:
        """Serve the client until it leaves, says `exit` or breaks the protocol; then free everything.

        `first` are messages that were read already, to learn who it is.
        """
        protocol = self._session.protocol
        protocol.set_writer(self._outbox)
        try:
            for body in first:
                protocol.receive(body)
            while not self._outbox.closed and (body_or_end := await self._channel.receive()) is not None:
                protocol.receive(body_or_end)
                await self._outbox.drained()
                # Requests start and other clients are served between two messages of a busy one.
                await asyncio.sleep(0)
        except FrameError as error:
            log.warning("lsp_connection_closed", reason=str(error))
        except TimeoutError:
            log.warning("lsp_connection_closed", reason="a frame was begun and not completed")
        except ConnectionError:
            log.info("lsp_client_gone")
        finally:
            self._outbox.close()
            await protocol.cancel_all()
