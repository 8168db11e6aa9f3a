"""The forwarder's connection to a classroom server: its `/lsp` WebSocket, for the threads of `forwarder`."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from petra.errors import NotAuthenticated
from petra.lsp.address import checked
from petra.lsp.away import ServerAway
from petra.lsp.framing import MAX_BODY
from petra.lsp.link import PREAMBLE_SECONDS, SEND_SECONDS

HEARTBEAT = 20.0

T = TypeVar("T")


class RemoteLink:
    """Like `link.Link`: `send` from one thread, `bodies` in another; an event loop of its own in a third."""

    def __init__(self, url: str, token: str) -> None:
        """Connect and show the token. Raises SettingsError, NotAuthenticated or ServerAway."""
        self.pending: set[int | str] = set()
        self._url = checked(url)
        self._loop = asyncio.new_event_loop()
        self._closed = False
        threading.Thread(target=self._turn, name="classroom", daemon=True).start()
        try:
            self._session, self._socket = self._run(self._open(token), None)
        except BaseException:
            self._stop()
            raise

    def send(self, body: bytes) -> None:
        """Send one message. Raises OSError when the server is gone."""
        self._run(self._socket.send_frame(body, aiohttp.WSMsgType.TEXT), SEND_SECONDS)

    def bodies(self) -> Iterator[bytes]:
        """What the server sends, until it ends. Raises OSError."""
        while True:
            message = self._run(self._socket.receive(), None)
            if message.type is aiohttp.WSMsgType.TEXT:
                yield message.data.encode()
            elif message.type is aiohttp.WSMsgType.BINARY:
                yield message.data
            else:
                return

    def close(self) -> None:
        """Leave, also while another thread waits in `bodies`."""
        try:
            with suppress(OSError):
                self._run(self._close(), PREAMBLE_SECONDS)
        finally:
            self._stop()

    def _turn(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _stop(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)

    async def _open(self, token: str) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
        session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(PREAMBLE_SECONDS):
                socket = await session.ws_connect(
                    self._url,
                    headers={"Authorization": f"Bearer {token}"},
                    heartbeat=HEARTBEAT,
                    max_msg_size=MAX_BODY,
                    compress=0,
                )
        except BaseException as error:
            await session.close()
            if isinstance(error, TimeoutError):
                raise _away(self._url, f"no answer in {PREAMBLE_SECONDS:.0f} seconds") from error
            if isinstance(error, aiohttp.WSServerHandshakeError):
                raise _refused(self._url, error.status) from error
            if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
                raise _untrusted(self._url, error) from error
            if isinstance(error, aiohttp.ClientError | OSError):
                raise _away(self._url, str(error)) from error
            raise
        return session, socket

    async def _close(self) -> None:
        await self._socket.close()
        await self._session.close()

    def _run(self, work: Coroutine[Any, Any, T], seconds: float | None) -> T:
        """Do `work` in the loop and wait for it. Raises OSError for what is the network's fault."""
        if self._closed:
            work.close()
            raise ConnectionResetError("the connection is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise
        except aiohttp.ClientError as error:
            raise ConnectionResetError(str(error)) from error


def _refused(url: str, status: int) -> NotAuthenticated | ServerAway:
    if status in (401, 403):
        return NotAuthenticated(
            "The classroom server does not know who is asking",
            cause=f"{url} refused the token (HTTP {status})",
            remedy="Ask for a new token and store it in the keyring or in CLASSROOM_TOKEN",
        )
    return _away(url, f"It answered with HTTP status {status}")


def _untrusted(url: str, error: Exception) -> ServerAway:
    return ServerAway(
        "The classroom server has a certificate that this machine does not trust",
        cause=f"{url}: {error}",
        remedy="Check the address; a classroom's own certificate is trusted where SSL_CERT_FILE names it",
    )


def _away(url: str, cause: str) -> ServerAway:
    return ServerAway(
        "The classroom server does not answer",
        cause=f"{url}: {cause}",
        remedy="Check the address and the network, then ask again",
    )
