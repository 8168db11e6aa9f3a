"""Who may come in, and what they are told when something goes wrong."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from petra.errors import NotAllowed, NotAuthenticated, PetraError
from petra.inference.worker import problems

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Door:
    """Who may come in. `token` None: everybody who can open the socket; `hosts`: allowed Host headers,
    None for a unix socket, which no web page can reach."""

    token: str | None = None
    hosts: frozenset[str] | None = None


def guard(door: Door) -> Any:
    """Refuse a foreign Host (DNS rebinding) and, where there is a token, who does not have it."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if door.hosts is not None and request.headers.get("Host", "").lower() not in door.hosts:
            raise NotAllowed("This worker does not answer to that Host")
        if door.token is not None:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            # aiohttp reads bytes that are no text as lone surrogates.
            if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), door.token.encode()):
                raise NotAuthenticated("The token is missing or wrong")
        return await handler(request)

    return check


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as OpenAI writes them. A trace goes to the worker's log, without anybody's text."""
    try:
        return await handler(request)
    except PetraError as error:
        return web.json_response(problems.body(error), status=problems.status(error))
    except web.HTTPException as error:
        return web.json_response(problems.refusal(error.reason, error.status), status=error.status)
    except Exception as error:  # the last resort of every request
        return web.json_response(problems.unforeseen(error), status=500)


def log() -> logging.Logger:
    """For aiohttp, which reports requests that are no HTTP with the bytes that stand in them: people's text,
    where a length was wrong. Only what is wrong is kept."""
    found = logging.getLogger("petra.worker.http")
    if not found.filters:
        found.addFilter(_without_text)
    return found


def _without_text(record: logging.LogRecord) -> bool:
    error = record.exc_info[0] if record.exc_info else None
    record.msg, record.args = f"A request failed: {error.__name__ if error else 'no error'}", ()
    record.exc_info = record.exc_text = None
    return True


def unstalled(seconds: float) -> Any:
    """Cut off whoever takes nothing of a whole answer for so long: it holds memory. A stream looks after
    itself."""

    @web.middleware
    async def send(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if not response.prepared:
            try:
                async with asyncio.timeout(seconds):
                    await response.prepare(request)
                    await response.write_eof()
            except TimeoutError:
                if request.transport:
                    request.transport.abort()
            except ConnectionResetError:
                pass  # the reader has gone
        return response

    return send
