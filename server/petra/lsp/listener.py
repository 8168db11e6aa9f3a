"""The socket on which the server waits for `petra lsp`: who may connect, and the end of all sessions."""

from __future__ import annotations

import asyncio
import hmac
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from petra import telemetry
from petra.access import Presence
from petra.lsp.session import Session
from petra.lsp.transport import READ_SIZE, Connection, Limits

log = telemetry.logger(__name__)

CLOSE_SECONDS = 5.0


class Listener:
    """Accepts clients that know the token and run this version; each gets a session of its own."""

    def __init__(
        self,
        *,
        token: str,
        version: str,
        new_session: Callable[[], Session],
        presence: Presence,
        limits: Limits,
    ) -> None:
        self._token = token.encode()
        self._version = version
        self._new_session = new_session
        self._presence = presence
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start(self, address: str) -> None:
        """Listen on a path, or on `host:port` where there are no unix sockets."""
        host, colon, port = address.rpartition(":")
        if colon and port.isdigit() and "/" not in address:
            self._server = await asyncio.start_server(self._accept, host, int(port), limit=READ_SIZE)
            return
        self._path = Path(address)
        bound = await asyncio.to_thread(_bind, self._path)
        self._server = await asyncio.start_unix_server(self._accept, sock=bound, limit=READ_SIZE)

    @property
    def address(self) -> str:
        """Where it listens, with the port that the system chose when 0 was asked for."""
        if self._path or not self._server:
            return str(self._path)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def close(self) -> None:
        """Accept nobody else, end every session (and its running requests) and remove the socket."""
        if self._server:
            self._server.close()
        for task in self._clients:
            task.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=CLOSE_SECONDS)
        if self._path:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (asyncio runs this in a task of its own)
        self._clients.add(task)
        try:
            if await self._welcome(reader, writer):
                with self._presence.session("lsp"):
                    await Connection(reader, writer, self._new_session(), self._limits).run()
        except asyncio.CancelledError:
            # The server leaves. Nobody awaits this task, and asyncio would report it as a failure.
            log.debug("lsp_session_ended_by_server")
        except Exception:
            log.exception("lsp_session_failed")
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(self._limits.unread):
                    await writer.wait_closed()
            writer.transport.abort()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read the first line, `PETRA/1 version token`, and answer it. A stranger gets no answer."""
        try:
            async with asyncio.timeout(self._limits.preamble):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            return False
        words = line.split()
        if len(words) != 3 or words[0] != b"PETRA/1" or not hmac.compare_digest(words[2], self._token):
            log.warning("lsp_stranger_refused")
            return False
        if words[1] != self._version.encode():
            client = words[1].decode("ascii", "replace")
            writer.write(f"NO version_mismatch server {self._version}, client {client}\n".encode())
            return False
        writer.write(f"OK {self._version}\n".encode())
        return True


async def serve(
    address: str,
    *,
    token: str,
    version: str,
    new_session: Callable[[], Session],
    presence: Presence,
    limits: Limits | None = None,
) -> Listener:
    """Listen for `petra lsp` on a unix socket's path (or `host:port`); `close` the result at the end."""
    listener = Listener(
        token=token,
        version=version,
        new_session=new_session,
        presence=presence,
        limits=limits or Limits(),
    )
    await listener.start(address)
    return listener


def _bind(path: Path) -> socket.socket:
    """A bound socket that only its owner may use; what a killed server left there is replaced.

    Nobody can connect before it listens, so there is no moment with wider rights.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(str(path))
        path.chmod(0o600)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
