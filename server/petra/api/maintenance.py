"""Looking after the index: building it anew, removing what nobody needs, saying how it is."""

from __future__ import annotations

from typing import Any

import attrs
from aiohttp import web

from petra.api import body
from petra.api.keys import DB, JOBS, UPKEEP, WATCHING
from petra.api.routes import Route, identity, route
from petra.errors import BadRequest
from petra.storage import jobs


@attrs.frozen(kw_only=True)
class ReindexRequest:
    """`model`: another embedder. `incremental`: only what is missing. `rollback`: back to the version
    before."""

    model: str | None = None
    incremental: bool = False
    rollback: bool = False


@attrs.frozen(kw_only=True)
class GcRequest:
    """`previous`: give up the version before, too."""

    previous: bool = False


async def reindex(request: web.Request) -> web.Response:
    """Start building a version of the index; the job tells how far it is and how it compares."""
    asked = await body.read(request, ReindexRequest)
    if asked.rollback and (asked.model or asked.incremental):
        raise BadRequest("Going back and building anew are two things", remedy="Ask for one of them")
    if asked.model is not None and not asked.model.strip():
        raise BadRequest("The name of the model is empty", remedy="`petra models list` shows those there are")
    return await _started(request, "reindex", attrs.asdict(asked))


async def collect(request: web.Request) -> web.Response:
    """Start removing what nobody needs; the job tells what it freed."""
    return await _started(request, "gc", attrs.asdict(await body.read(request, GcRequest)))


async def state(request: web.Request) -> web.Response:
    """The caller's collections as they are indexed, and the versions of the index."""
    upkeep, watching = request.app[UPKEEP], request.app[WATCHING]
    collections = await upkeep.state(identity(request).user_id)
    versions = await upkeep.versions()
    return web.json_response(
        {
            "collections": [
                {
                    "id": item.collection.id,
                    "name": item.collection.name,
                    "documents": dict(item.states),
                    "chunks": item.chunks,
                    "embedded": item.embedded,
                    "bytes": item.bytes,
                    "watching": _followed(watching.state(item.collection.id)),
                }
                for item in collections
            ],
            "versions": [{"id": v.id, "model": v.model_id, "state": v.state} for v in versions],
        }
    )


def _followed(state: tuple[str, str] | None) -> dict[str, str | None] | None:
    return {"state": state[0], "reason": state[1] or None} if state else None


async def _started(request: web.Request, kind: str, payload: dict[str, Any]) -> web.Response:
    async with request.app[DB].write() as conn:
        job = await jobs.enqueue(conn, kind, identity(request).user_id, payload)
    request.app[JOBS].wake()
    return web.json_response({"job_id": job.id}, status=202)


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/index", "read_status", state),
    route("POST", "/api/v1/reindex", "maintain", reindex),
    route("POST", "/api/v1/gc", "maintain", collect),
)
