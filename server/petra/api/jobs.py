"""Work that takes longer than a request: how far it is, and stopping it."""

from __future__ import annotations

from aiohttp import web

from petra.api import query
from petra.api.keys import SERVICES
from petra.api.routes import Route, identity, route


async def list_jobs(request: web.Request) -> web.Response:
    """The caller's jobs, newest first."""
    limit = query.whole_number(request, "limit", 50, least=1, most=500)
    return web.json_response(await request.app[SERVICES].work.newest(identity(request), limit))


async def read(request: web.Request) -> web.Response:
    """One job."""
    return web.json_response(await request.app[SERVICES].work.read(identity(request), _id(request)))


async def cancel(request: web.Request) -> web.Response:
    """Ask a job to stop; what it has finished stays."""
    return web.json_response(await request.app[SERVICES].work.cancel(identity(request), _id(request)))


def _id(request: web.Request) -> int:
    """The id in the path; 0, which no job has, for what is no id."""
    given = request.match_info["id"]
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/jobs", "read_job", list_jobs),
    route("GET", "/api/v1/jobs/{id}", "read_job", read),
    route("POST", "/api/v1/jobs/{id}/cancel", "cancel_job", cancel),
)
