"""What was said before."""

from __future__ import annotations

from aiohttp import web

from petra.access import authorize
from petra.api.keys import DB
from petra.api.routes import Route, identity, route
from petra.errors import NotFound
from petra.storage import conversations


async def list_conversations(request: web.Request) -> web.Response:
    """The caller's conversations, newest first."""
    async with request.app[DB].read() as conn:
        mine = await conversations.list_for(conn, identity(request).user_id)
    return web.json_response(
        [{"id": item.id, "title": item.title, "created_at": item.created_at} for item in mine]
    )


async def read(request: web.Request) -> web.Response:
    """All messages of a conversation, answers with their sources, what they cost and how they ended."""
    async with request.app[DB].read() as conn:
        conversation = await conversations.get(conn, request.match_info["id"])
        if conversation is None:
            raise NotFound("There is no such conversation")
        authorize(identity(request), "read_conversation", conversation)
        messages = await conversations.messages_in(conn, conversation.id)
        ids = [message.id for message in messages if message.role == "assistant"]
        sources = await conversations.sources_of(conn, ids)
        usages = await conversations.usages_of(conn, ids)
        endings = await conversations.endings_of(conn, ids)
    return web.json_response(
        {
            "id": conversation.id,
            "title": conversation.title,
            "messages": [
                {
                    "id": message.id,
                    "parent_id": message.parent_id,
                    "role": message.role,
                    "content": message.content,
                    "state": message.state,
                    "created_at": message.created_at,
                    "sources": sources.get(message.id, []),
                    "usage": usages.get(message.id),
                    "error": None,
                    "finish_reason": None,
                }
                | endings.get(message.id, {})
                for message in messages
            ],
        }
    )


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/conversations", "read_conversation", list_conversations),
    route("GET", "/api/v1/conversations/{id}", "read_conversation", read),
)
