"""What was said before, and what people thought of it."""

from __future__ import annotations

from typing import Any

from petra.access import Identity, authorize
from petra.assistant import views
from petra.errors import BadRequest, NotFound
from petra.messages import Rating
from petra.storage import conversations, feedback
from petra.storage.database import Database

COMMENT_LIMIT = 4_000
"""Characters of what a person may say about an answer."""


class Recall:
    """The conversations of the person who asks."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, caller: Identity) -> list[dict[str, Any]]:
        """All of them, newest first."""
        async with self._db.read() as conn:
            mine = await conversations.list_for(conn, caller.user_id)
        return [views.conversation(item) for item in mine]

    async def read(self, caller: Identity, conversation_id: str) -> dict[str, Any]:
        """One with all its messages, answers with their sources, what they cost and how they ended.

        Raises NotFound.
        """
        async with self._db.read() as conn:
            conversation = await conversations.get(conn, conversation_id)
            if conversation is None:
                raise NotFound("There is no such conversation")
            authorize(caller, "read_conversation", conversation)
            messages = await conversations.messages_in(conn, conversation.id)
            ids = [message.id for message in messages if message.role == "assistant"]
            sources = await conversations.sources_of(conn, ids)
            usages = await conversations.usages_of(conn, ids)
            endings = await conversations.endings_of(conn, ids)
        return {
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

    async def rate(self, caller: Identity, answer_id: str, rating: Rating | None, comment: str) -> None:
        """Keep what a person thinks of an answer, in place of what they thought before; no rating and no
        comment take it back. Raises NotFound, and BadRequest for a comment without end."""
        if len(comment) > COMMENT_LIMIT:
            raise BadRequest(f"The comment is longer than {COMMENT_LIMIT} characters", remedy="Shorten it")
        async with self._db.write() as conn:
            message = await conversations.get_message(conn, answer_id)
            conversation = await conversations.get(conn, message.conversation_id) if message else None
            if message is None or conversation is None or message.role != "assistant":
                raise NotFound("There is no such answer", remedy="It may have been removed")
            authorize(caller, "give_feedback", conversation)
            if rating is None and not comment.strip():
                await feedback.remove(conn, answer_id, caller.user_id)
            else:
                await feedback.put(conn, answer_id, caller.user_id, rating, comment.strip())
