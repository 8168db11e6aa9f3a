"""Searching, and indexing folders of this machine."""

from __future__ import annotations

import attrs
from aiohttp import web

from petra.api import body, query
from petra.api.keys import SERVICES, SETTINGS
from petra.api.routes import Route, identity, route
from petra.assistant import views


@attrs.frozen(kw_only=True)
class IndexRequest:
    """A file or folder of this machine, as an absolute path. The collection is by default one that follows it
    already, or one named after it."""

    path: str
    collection: str | None = None


async def search(request: web.Request) -> web.Response:
    """The passages that fit `?q=` best; with `?explain=1`, why each is where it is."""
    why = bool(query.whole_number(request, "explain", 0, most=1))
    found = await request.app[SERVICES].library.search(
        identity(request),
        query.text(request, "q") or "",
        k=query.whole_number(request, "k", request.app[SETTINGS].top_k, least=1, most=100),
        names=query.names(request, "collection"),
        path=query.text(request, "path"),
    )
    return web.json_response({"passages": [views.passage(item, why=why) for item in found]})


async def index(request: web.Request) -> web.Response:
    """Start indexing a path of this machine; the job tells how far it is."""
    asked = await body.read(request, IndexRequest)
    library = request.app[SERVICES].library
    collection, job = await library.index(identity(request), asked.path, asked.collection)
    return web.json_response(
        {"collection": collection.name, "collection_id": collection.id, "job_id": job.id}, status=202
    )


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/search", "search", search),
    route("POST", "/api/v1/index", "index_path", index),
)
