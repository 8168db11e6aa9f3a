"""The forwarder's connection to the server. Standard library only, and blocking: see `forwarder`."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from petra import __version__, platform
from petra.errors import NotAuthenticated
from petra.lsp.away import ServerAway
from petra.lsp.framing import FrameDecoder, frame
from petra.rendezvous import Running, other_version

PREAMBLE_SECONDS = 10.0
SEND_SECONDS = 30
ENDING_SECONDS = 15.0
"""How long a server may take to end: as long as it is there, but takes nobody any more."""


class ToServer(Protocol):
    """A connection that a server has welcomed: `Link` to that of this machine, `remote.RemoteLink`."""

    pending: set[int | str]

    def send(self, body: bytes) -> None:
        """Send one message. Raises OSError when the server is gone."""

    def bodies(self) -> Iterator[bytes]:
        """What the server sends, until it ends. Raises OSError or FrameError."""

    def close(self) -> None:
        """Leave, also while another thread waits in `bodies`."""


class Link:
    """A connection that the server has welcomed. `send` from one thread, `bodies` in another."""

    def __init__(self, running: Running) -> None:
        """Connect and show the token. Raises VersionMismatch, NotAuthenticated or ServerAway."""
        self.pending: set[int | str] = set()
        """Ids of the requests that this server owes a reply."""
        self._decoder = FrameDecoder()
        try:
            self._socket = _connect(running.lsp)
        except OSError as error:
            raise _silent(running, error) from error
        try:
            self._enter(running)
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(None)
        if not platform.WINDOWS:
            # A server that hangs must not hang the editor's pipe as well.
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", SEND_SECONDS, 0)
            )

    def send(self, body: bytes) -> None:
        """Send one message. Raises OSError when the server is gone."""
        self._socket.sendall(frame(body))

    def bodies(self) -> Iterator[bytes]:
        """What the server sends, until it ends. Raises OSError or FrameError."""
        while True:
            while (body := self._decoder.next_body()) is not None:
                yield body
            data = self._socket.recv(64 * 1024)
            if not data:
                return
            self._decoder.feed(data)

    def close(self) -> None:
        """Leave, also while another thread waits in `bodies`."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _enter(self, running: Running) -> None:
        try:
            self._socket.sendall(f"PETRA/1 {__version__} {running.token}\n".encode())
            reply = self._first_line()
        except OSError as error:
            raise _silent(running, error) from error
        if reply.startswith("NO version_mismatch"):
            raise other_version(running)
        if not reply.startswith("OK"):
            raise NotAuthenticated(
                "The Petra server refused this editor",
                cause=reply or "It does not know the token of this data directory",
                remedy="Run `petra stop`, then try again",
            )

    def _first_line(self) -> str:
        received = b""
        while b"\n" not in received and len(received) < 1024:
            data = self._socket.recv(1024)
            if not data:
                break
            received += data
        line, _, rest = received.partition(b"\n")
        self._decoder.feed(rest)
        return line.decode("utf-8", "replace")


def reach(find: Callable[[], Running]) -> Link:
    """A connection to the server that `find` finds or starts. One that is just ending is waited for, and
    looked for again. Raises what `Link` raises."""
    deadline = time.monotonic() + ENDING_SECONDS
    while True:
        running = find()
        try:
            return Link(running)
        except (ServerAway, NotAuthenticated) as error:
            hangs = isinstance(error.__cause__, TimeoutError)
            if hangs or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _silent(running: Running, error: OSError) -> ServerAway:
    return ServerAway(
        "The Petra server does not answer",
        cause=f"Process {running.pid} should listen there, but: {error}",
        remedy="Run `petra stop`, then try again",
    )


def _connect(address: str) -> socket.socket:
    """A socket to a path, or to `host:port` where there are no unix sockets."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in address:
        return socket.create_connection((host, int(port)), PREAMBLE_SECONDS)
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(PREAMBLE_SECONDS)
        connected.connect(address)
    except OSError:
        connected.close()
        raise
    return connected
