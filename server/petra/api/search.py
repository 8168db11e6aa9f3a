"""Searching, and indexing folders of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from petra.api import body, query
from petra.api.keys import DB, INGEST, SEARCHER, SETTINGS
from petra.api.routes import Route, identity, route
from petra.assistant.scope import readable
from petra.errors import BadRequest

if TYPE_CHECKING:
    from petra.knowledge.search import Passage

QUERY_LIMIT = 20_000


@attrs.frozen(kw_only=True)
class IndexRequest:
    """A file or folder of this machine, as an absolute path; the collection is named after it by default."""

    path: str
    collection: str | None = None


async def search(request: web.Request) -> web.Response:
    """The passages that fit `?q=` best."""
    words = query.text(request, "q")
    if words is None or not words.strip():
        raise BadRequest("There is nothing to search for", remedy="Give ?q=")
    if len(words) > QUERY_LIMIT:
        raise BadRequest(f"The query is longer than {QUERY_LIMIT} characters")
    count = query.whole_number(request, "k", request.app[SETTINGS].top_k, least=1, most=100)
    scope = await readable(request.app[DB], identity(request), query.names(request, "collection"))
    found = await request.app[SEARCHER].search(
        words, [item.id for item in scope], count, path=query.text(request, "path")
    )
    return web.json_response({"passages": [_passage(item) for item in found]})


async def index(request: web.Request) -> web.Response:
    """Start indexing a path of this machine; the job tells how far it is."""
    asked = await body.read(request, IndexRequest)
    path = Path(asked.path)
    if not path.is_absolute():
        raise BadRequest("The path is not absolute", cause=f"It is {asked.path!r:.80}")
    collection, job = await request.app[INGEST].index_path(identity(request).user_id, path, asked.collection)
    return web.json_response(
        {"collection": collection.name, "collection_id": collection.id, "job_id": job.id}, status=202
    )


def _passage(item: Passage) -> dict[str, Any]:
    return {
        "document_id": item.document_id,
        "document": item.document,
        "path": item.path,
        "header": item.header,
        "pages": item.pages,
        "lines": item.lines,
        "unit": item.unit,
        "text": item.text,
        "score": item.score,
    }


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/search", "search", search),
    route("POST", "/api/v1/index", "index_path", index),
)
