"""Where the server waits for language clients: the socket of `petra lsp`, and a TCP port for any editor."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from petra import telemetry
from petra.access import Identity, Presence
from petra.lsp.session import Session
from petra.lsp.transport import READ_SIZE, Connection, Limits
from petra.lsp.welcome import ByFirstLine, ByToken, Welcome

log = telemetry.logger(__name__)

CLOSE_SECONDS = 5.0


class Listener:
    """Accepts clients that `welcome` lets in; each gets a session of its own."""

    def __init__(self, welcome: Welcome, presence: Presence, limits: Limits) -> None:
        self._welcome = welcome
        self._presence = presence
        self._limits = limits
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._clients: set[asyncio.Task[None]] = set()

    async def start_unix(self, path: Path) -> None:
        """Listen on a socket of the file system that only its owner may use."""
        self._path = path
        bound = await asyncio.to_thread(_bind, path)
        self._server = await asyncio.start_unix_server(self._accept, sock=bound, limit=READ_SIZE)

    async def start_tcp(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a port. Raises OSError when it is taken."""
        patience = {"ssl_handshake_timeout": self._limits.preamble} if tls else {}
        self._server = await asyncio.start_server(
            self._accept, host, port, limit=READ_SIZE, ssl=tls, **patience
        )

    @property
    def address(self) -> str:
        """Where it listens, with the port that the system chose when 0 was asked for."""
        if self._path or not self._server:
            return str(self._path)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
            if client := await self._welcome(reader, writer):
                with self._presence.session("lsp"):
                    await Connection(client.channel, client.session, self._limits).run(client.first)
        except asyncio.CancelledError:
            # The server leaves. Nobody awaits this task, and asyncio would report it as a failure.
            log.debug("lsp_session_ended_by_server")
        except Exception:
            log.exception("lsp_session_failed")
        finally:
            self._clients.discard(task)
            writer.close()
            with suppress(ConnectionError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(self._limits.unread):
                    await writer.wait_closed()
            writer.transport.abort()


async def serve(
    address: str,
    *,
    token: str,
    version: str,
    new_session: Callable[[], Session],
    presence: Presence,
    limits: Limits | None = None,
) -> Listener:
    """Listen for `petra lsp` on a unix socket's path, or on `host:port` where there are none; `close` the
    result at the end."""
    limits = limits or Limits()
    listener = Listener(ByFirstLine(token, version, new_session, limits), presence, limits)
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "/" not in address:
        await listener.start_tcp(host, int(port))
    else:
        await listener.start_unix(Path(address))
    return listener


async def serve_tcp(
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None,
    check: Callable[[str], Identity | None],
    new_session: Callable[[Identity], Session],
    presence: Presence,
    limits: Limits | None = None,
) -> Listener:
    """Listen for any editor; `check` knows the tokens. Without `tls` only on a loopback address, which the
    caller sees to."""
    limits = limits or Limits()
    listener = Listener(ByToken(check, new_session, limits), presence, limits)
    await listener.start_tcp(host, port, tls)
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
