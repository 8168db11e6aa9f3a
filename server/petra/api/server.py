"""Running the application: the page on a TCP port, this machine's own clients on a unix socket."""

from __future__ import annotations

import asyncio
import errno
import sys
from pathlib import Path

from aiohttp import web

from petra import platform
from petra.api.keys import LISTENING, SETTINGS
from petra.errors import PetraError

HEADER_TIMEOUT = 30.0
"""Seconds for the headers of a request, and between two requests of one connection."""

PORTS = 20
"""How many ports from the default one are tried."""


LONGEST_LINE = 250_000
"""Bytes of a request's first line: a query of 20,000 characters, written with `%`, is up to 240,000."""


class PortTaken(PetraError):
    """The port that was asked for belongs to another program."""

    code = "port_taken"


class Server:
    """The listening application. `port` and `socket` are known once `start` has returned."""

    def __init__(self, app: web.Application, *, shutdown_seconds: float = 3.0) -> None:
        self._app = app
        self._runner = web.AppRunner(
            app,
            access_log=None,  # URLs hold questions; metrics and the request log have the rest
            handler_cancellation=True,
            keepalive_timeout=HEADER_TIMEOUT,
            max_line_size=LONGEST_LINE,
            lingering_time=2.0,
            shutdown_timeout=shutdown_seconds,
        )
        self.port = 0
        self.socket = ""

    async def start(self, *, host: str, port: int, socket: Path, exact: bool = False) -> None:
        """Listen on `host`:`port` (0: any free one) and on the unix socket `socket`.

        Unless `exact`, a port that is taken is left for one of the next ones. On Windows a free port of
        the loopback stands for the unix socket. Raises PortTaken.
        """
        await self._runner.setup()
        listening = self._app[LISTENING]
        self.port = await self._listen(host, port, exact=exact)
        listening.add_page(host, self.port)
        if public := self._app[SETTINGS].public_url:
            listening.add_public(public)
        if sys.platform == "win32":
            local = await self._listen("127.0.0.1", 0, exact=True)
            self.socket = f"127.0.0.1:{local}"
            listening.add_local(("127.0.0.1", local))
        else:
            await asyncio.to_thread(socket.unlink, missing_ok=True)
            await web.UnixSite(self._runner, str(socket)).start()
            await asyncio.to_thread(socket.chmod, 0o600)
            self.socket = str(socket)
            listening.add_local(str(socket))

    async def close(self) -> None:
        """Take no more requests, let those in progress end for a moment, and stop."""
        await self._runner.cleanup()
        if self.socket and not platform.WINDOWS:
            await asyncio.to_thread(Path(self.socket).unlink, missing_ok=True)

    async def _listen(self, host: str, port: int, *, exact: bool) -> int:
        """Listen on `port` or, unless `exact`, one of those after it; returns which."""
        for candidate in range(port, port + (1 if exact or port == 0 else PORTS)):
            site = web.TCPSite(self._runner, host, candidate, reuse_address=not platform.WINDOWS)
            try:
                await site.start()
            except OSError as error:
                await site.stop()
                if exact or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise _refused(error, host, port) from error
                continue
            return site.port
        raise PortTaken(
            f"All ports from {port} to {port + PORTS - 1} are taken",
            cause="Other programs listen there",
            remedy="Choose another with --port, or --port 0 for any free one",
        )


def _refused(error: OSError, host: str, port: int) -> PortTaken:
    if error.errno == errno.EADDRINUSE:
        return PortTaken(
            f"Port {port} is taken",
            cause="Another program listens there",
            remedy="Choose another with --port, or --port 0 for any free one",
        )
    if error.errno == errno.EACCES:
        return PortTaken(
            f"Petra may not listen on port {port}",
            cause="The system keeps it for others, as most do with the ports below 1024",
            remedy="Choose one from 1024 on with --port, or --port 0 for any free one",
        )
    return PortTaken(
        f"Petra cannot listen on {host}",
        cause=error.strerror or str(error),
        remedy="Give an address of this machine with --host",
    )
