"""Work that takes longer than a request: how far it is, and stopping it."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from petra.access import Action, authorize
from petra.api import query
from petra.api.keys import DB, JOBS
from petra.api.routes import Route, identity, route
from petra.errors import NotFound
from petra.storage import jobs
from petra.storage.jobs import Job


async def list_jobs(request: web.Request) -> web.Response:
    """The caller's jobs, newest first."""
    limit = query.whole_number(request, "limit", 50, least=1, most=500)
    async with request.app[DB].read() as conn:
        mine = await jobs.list_for(conn, identity(request).user_id, limit)
    return web.json_response([_view(job) for job in mine])


async def read(request: web.Request) -> web.Response:
    """One job."""
    return web.json_response(_view(await _job(request, "read_job")))


async def cancel(request: web.Request) -> web.Response:
    """Ask a job to stop; what it has finished stays."""
    job = await _job(request, "cancel_job")
    async with request.app[DB].write() as conn:
        await jobs.request_cancel(conn, job.id)
    request.app[JOBS].wake()
    return web.json_response(_view(await _job(request, "read_job")))


async def _job(request: web.Request, action: Action) -> Job:
    given = request.match_info["id"]
    async with request.app[DB].read() as conn:
        job = (
            await jobs.get(conn, int(given))
            if given.isascii() and given.isdigit() and len(given) < 16
            else None
        )
    if job is None:
        raise NotFound("There is no such job")
    authorize(identity(request), action, job)
    return job


def _view(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "unit": job.unit,
        "eta_s": job.eta_s(time.time()),
        "reason": job.reason,
        "collection_id": job.collection_id,
        "document_id": job.document_id,
        "model": job.payload.get("model"),
        "skipped": job.payload.get("skipped", []),
    }


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/jobs", "read_job", list_jobs),
    route("GET", "/api/v1/jobs/{id}", "read_job", read),
    route("POST", "/api/v1/jobs/{id}/cancel", "cancel_job", cancel),
)
