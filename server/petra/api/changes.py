"""What happens to a folder that is mirrored, for the one who waits for it."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from petra.access import authorize
from petra.api import query
from petra.api.keys import DB, WATCHING
from petra.api.routes import Route, identity, route
from petra.errors import BadRequest, NotFound
from petra.storage import collections

LONGEST_WAIT = 25.0
"""Seconds of a request without a change: shorter than the patience of what may stand in between."""


async def changes(request: web.Request) -> web.Response:
    """The changes of a collection's folder after number `?after=`, as soon as there are some."""
    async with request.app[DB].read() as conn:
        collection = await collections.get(conn, request.match_info["id"])
    if collection is None:
        raise NotFound("There is no such collection", remedy="It may have been removed")
    authorize(identity(request), "read_collection", collection)
    if collection.root is None:
        raise BadRequest(f"{collection.name} holds uploads", cause="Only folders change by themselves")
    watching = request.app[WATCHING]
    after = query.whole_number(request, "after", 0)
    found = await watching.changes(collection.id, after, LONGEST_WAIT)
    state, reason = watching.state(collection.id) or ("starting", "")
    return web.json_response(
        {"state": state, "reason": reason or None, "changes": [asdict(change) for change in found]}
    )


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/collections/{id}/changes", "read_collection", changes, head=False),
)
