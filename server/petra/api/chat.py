"""The plain chat contract: tokens and one end, for clients that know nothing of parts."""

from __future__ import annotations

from typing import Any

from petra.messages import Answer, to_wire


def token(conversation_id: str, text: str) -> dict[str, Any]:
    """A piece of the answer, to append."""
    return {"type": "token", "conversation_id": conversation_id, "token": text}


def response_end(answer: Answer) -> dict[str, Any]:
    """The last message of every answer: its id, its sources, its cost, and how it ended."""
    metadata: dict[str, Any] = {
        "message_id": answer.id,
        "sources": [to_wire(source) for source in answer.sources],
        "usage": to_wire(answer.usage) if answer.usage else None,
        "finish_reason": answer.finish_reason,
    }
    if answer.error:
        metadata["error"] = to_wire(answer.error)
    return {
        "type": "response_end",
        "conversation_id": answer.conversation_id,
        "metadata": metadata,
    }
