"""HTTP with one model endpoint, on a unix socket or at an address: JSON, streams, and what went wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import aiohttp

from petra.inference import sse
from petra.inference.failures import from_response, unreachable

Body = Mapping[str, Any] | None


class Connection:
    """To "unix:/path" or "http(s)://host:port[/v1]", with a bearer `token` if it wants one. Errors:
    ModelUnavailable (away, or ended in the middle), Busy, TooLarge, BadRequest."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        socket, is_unix = address.removeprefix("unix:"), address.startswith("unix:")
        self._socket = socket if is_unix else None
        self._base = "http://petra-worker" if is_unix else address.rstrip("/").removesuffix("/v1")

    async def json(self, method: str, path: str, body: Body = None) -> dict[str, Any]:
        """The reply to a request."""
        async with self._request(method, path, body) as response:
            try:
                data = await response.json(content_type=None)
            except ValueError as error:
                raise unreachable(self.address, error) from error
            return data if isinstance(data, dict) else {}

    async def try_json(self, method: str, path: str, body: Body = None) -> dict[str, Any] | None:
        """The reply, or None where the endpoint refuses or does not know the request. Raises
        ModelUnavailable where there is no endpoint at all."""
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                if response.status != 200:
                    return None
                data = await response.json(content_type=None)
                return data if isinstance(data, dict) else None
        except ValueError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.address, error) from error

    async def has(self, path: str, body: Body) -> bool:
        """Whether a path is served: a complaint about the (empty) body is a yes, 404 and 501 are a no."""
        method = "GET" if body is None else "POST"
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                return response.status in (200, 400, 422)
        except (aiohttp.ClientError, OSError):
            return False

    @asynccontextmanager
    async def stream(self, path: str, body: Body) -> AsyncIterator[AsyncIterator[sse.Event]]:
        """The events that answer a request; leaving it closes the connection."""
        async with (
            self._request("POST", path, body) as response,
            aclosing(_events(response)) as events,
        ):
            yield events

    async def close(self) -> None:
        """Close it; requests under way fail."""
        if self._session:
            await self._session.close()
            self._session = None

    @asynccontextmanager
    async def _request(self, method: str, path: str, body: Body) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response of status 200. The connection is closed, not reused, when its body was not read to
        the end: that is how the endpoint learns that nobody wants the rest."""
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                if response.status != 200:
                    raise from_response(response.status, await response.text(errors="replace"))
                try:
                    yield response
                finally:
                    if not response.content.at_eof():
                        response.close()
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise unreachable(self.address, error) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            # A connection for each request: 0.1 ms on a unix socket, and a kept-alive one may be closed
            # by the other side (llama-server does after each stream) just as it is used again.
            connector = (
                aiohttp.UnixConnector(self._socket, limit=0, force_close=True)
                if self._socket
                else aiohttp.TCPConnector(limit=0, force_close=True)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=headers,
                # No limit on a whole answer: the caller has one. Silence is the supervisor's business.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            )
        return self._session


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[sse.Event]:
    decoder = sse.Decoder()
    async for chunk in response.content.iter_any():
        for event in decoder.feed(chunk):
            yield event
