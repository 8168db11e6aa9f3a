"""What a failed request is answered with: the error in plain words, never a trace."""

from __future__ import annotations

import time
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from petra import telemetry
from petra.errors import BadRequest, NotFound, PetraError, TooLarge
from petra.messages import error_to_wire, to_wire

log = telemetry.logger(__name__)

REQUEST_ID = web.RequestKey("request_id", str)
ROUTINE = frozenset({400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 499})


class MethodNotAllowed(BadRequest):
    """The path exists, but not for this method."""

    status = 405


class UnsupportedMediaType(BadRequest):
    """A body in a form that this path does not read."""

    status = 415


@web.middleware
async def failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: a request id for the log and the reply, metrics, and errors as JSON."""
    request_id = request[REQUEST_ID] = uuid4().hex[:16]
    start = time.perf_counter()
    status = 499
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            try:
                response = await handler(request)
            except web.HTTPException as error:
                if error.status < 400:
                    raise
                response = error_response(_from_aiohttp(error))
            except PetraError as error:
                if error.status not in ROUTINE:
                    log.warning("request_failed", code=error.code, what=error.what)
                response = error_response(error)
            except (HttpProcessingError, web.RequestPayloadError) as error:
                response = error_response(_unreadable(error))
            except ConnectionError:
                raise  # the client has gone; there is nobody to answer
            except Exception:
                log.exception("request_crashed")
                response = error_response(_unexpected(request_id))
            status = response.status
            return response
        finally:
            resource = request.match_info.route.resource
            path = resource.canonical if resource else "none"
            telemetry.requests_total.labels("http", path, status).inc()
            telemetry.request_seconds.labels("http", path).observe(time.perf_counter() - start)


async def add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Signal handler: the id under which the log knows this request."""
    response.headers["X-Request-Id"] = request.get(REQUEST_ID, "none")


def error_response(error: PetraError) -> web.Response:
    """An error as JSON, under its own status."""
    return web.json_response({"error": to_wire(error_to_wire(error))}, status=error.status)


def _from_aiohttp(error: web.HTTPException) -> PetraError:
    if error.status == 404:
        return NotFound("There is nothing at this address", remedy="docs/protocol.md lists all of them")
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(
            f"This address does not take {error.method}",
            remedy=f"It takes {', '.join(sorted(error.allowed_methods))}",
        )
    if error.status == 413:
        return TooLarge(
            "The request is too large",
            cause=error.text or "",
            remedy="Files go to /upload; BODY_LIMIT is the limit of everything else",
        )
    return BadRequest("The request cannot be read", cause=error.reason)


def _unreadable(error: Exception) -> PetraError:
    """For a body that is not what its headers say. aiohttp's own words quote the body's bytes."""
    reason = error.__cause__ or error
    return BadRequest(
        "The body of the request cannot be read",
        cause=f"It is not what its headers say ({type(reason).__name__})",
        remedy="Send it again, whole and without a Content-Encoding",
    )


def _unexpected(request_id: str) -> PetraError:
    return PetraError(
        "Petra failed at this request",
        cause=f"An unexpected error; the log has it under {request_id}",
        remedy="Try again; if it stays, please report it with that part of the log",
    )
