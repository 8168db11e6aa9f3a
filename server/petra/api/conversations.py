"""What was said before."""

from __future__ import annotations

from aiohttp import web

from petra.api.keys import SERVICES
from petra.api.routes import Route, identity, route


async def list_conversations(request: web.Request) -> web.Response:
    """The caller's conversations, newest first."""
    return web.json_response(await request.app[SERVICES].recall.all(identity(request)))


async def read(request: web.Request) -> web.Response:
    """All messages of a conversation, answers with their sources, what they cost and how they ended."""
    recall = request.app[SERVICES].recall
    return web.json_response(await recall.read(identity(request), request.match_info["id"]))


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/conversations", "read_conversation", list_conversations),
    route("GET", "/api/v1/conversations/{id}", "read_conversation", read),
)
