"""Conversations: a tree of messages, so that an edited question starts a branch and nothing is rewritten."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.errors import NotFound
from petra.messages import Done, to_wire
from petra.storage.records import (
    append_parts,
    endings_of,
    parts_after,
    set_sources,
    set_usage,
    sources_of,
    usages_of,
)
from petra.storage.rows import many, new_id, now, one
from petra.storage.tables import conversations, messages

__all__ = [
    "Conversation",
    "Message",
    "MessageRole",
    "MessageState",
    "add_message",
    "append_parts",
    "create",
    "endings_of",
    "finish_message",
    "get",
    "get_message",
    "history",
    "interrupt_streaming",
    "latest",
    "list_for",
    "messages_in",
    "parts_after",
    "remove",
    "set_prompt",
    "set_sources",
    "set_usage",
    "sources_of",
    "usages_of",
]

MessageRole = Literal["system", "user", "assistant"]
MessageState = Literal["streaming", "complete", "interrupted", "failed", "cancelled"]


@dataclass(frozen=True)
class Conversation:
    """`title` is the beginning of its first question; `messages` counts the messages ever added."""

    id: str
    user_id: str
    title: str
    messages: int
    created_at: float


@dataclass(frozen=True)
class Message:
    """A question or an answer. `seq` is its place among all messages of the conversation, from 0.
    `prompt` is what the model was given for it (with passages), when that differs from `content`."""

    id: str
    conversation_id: str
    parent_id: str | None
    seq: int
    role: MessageRole
    content: str
    prompt: str | None
    state: MessageState
    created_at: float


async def create(conn: AsyncConnection, user_id: str, title: str = "") -> Conversation:
    """Start a conversation."""
    conversation = Conversation(new_id(), user_id, title, 0, now())
    await conn.execute(insert(conversations), asdict(conversation))
    return conversation


async def get(conn: AsyncConnection, id: str) -> Conversation | None:
    """The conversation with this id."""
    return one(Conversation, await conn.execute(select(conversations).where(conversations.c.id == id)))


async def list_for(conn: AsyncConnection, user_id: str) -> list[Conversation]:
    """A person's conversations, newest first."""
    query = select(conversations).where(conversations.c.user_id == user_id)
    newest = query.order_by(conversations.c.created_at.desc(), conversations.c.id)
    return many(Conversation, await conn.execute(newest))


async def remove(conn: AsyncConnection, id: str) -> None:
    """Delete a conversation with all that was said in it."""
    await conn.execute(delete(conversations).where(conversations.c.id == id))


async def add_message(
    conn: AsyncConnection,
    conversation_id: str,
    role: MessageRole,
    content: str,
    parent_id: str | None = None,
    state: MessageState = "complete",
) -> Message:
    """Add a message below `parent_id` (None starts a tree). Raises NotFound without its conversation."""
    # Counting in the conversation's row makes two tabs queue up for their place in it.
    place = (
        update(conversations)
        .where(conversations.c.id == conversation_id)
        .values(messages=conversations.c.messages + 1)
        .returning(conversations.c.messages)
    )
    count: int | None = await conn.scalar(place)
    if count is None:
        raise NotFound("There is no such conversation", remedy="Start a new one")
    message = Message(
        id=new_id(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        seq=count - 1,
        role=role,
        content=content,
        prompt=None,
        state=state,
        created_at=now(),
    )
    await conn.execute(insert(messages), asdict(message))
    return message


async def get_message(conn: AsyncConnection, id: str) -> Message | None:
    """The message with this id."""
    return one(Message, await conn.execute(select(messages).where(messages.c.id == id)))


async def messages_in(conn: AsyncConnection, conversation_id: str) -> list[Message]:
    """Every message of a conversation, all branches, in the order they were added."""
    query = select(messages).where(messages.c.conversation_id == conversation_id)
    return many(Message, await conn.execute(query.order_by(messages.c.seq)))


async def latest(conn: AsyncConnection, conversation_id: str) -> Message | None:
    """The message that was added last: where the conversation goes on unless told otherwise."""
    query = select(messages).where(messages.c.conversation_id == conversation_id)
    return one(Message, await conn.execute(query.order_by(messages.c.seq.desc()).limit(1)))


async def history(conn: AsyncConnection, leaf_message_id: str) -> list[Message]:
    """The branch that ends in a message: from its root down to and including it."""
    start = select(messages.c.id, messages.c.parent_id, literal(0).label("up"))
    branch = start.where(messages.c.id == leaf_message_id).cte("branch", recursive=True)
    parent = messages.alias("parent")
    branch = branch.union_all(
        select(parent.c.id, parent.c.parent_id, branch.c.up + 1).where(parent.c.id == branch.c.parent_id)
    )
    query = select(messages).join(branch, branch.c.id == messages.c.id).order_by(branch.c.up.desc())
    return many(Message, await conn.execute(query))


async def finish_message(conn: AsyncConnection, id: str, content: str, state: MessageState) -> None:
    """Give a streaming message its text and its end."""
    await conn.execute(update(messages).where(messages.c.id == id).values(content=content, state=state))


async def set_prompt(conn: AsyncConnection, id: str, prompt: str) -> None:
    """Keep what the model was given for a message, so that the next turn repeats it to the letter."""
    await conn.execute(update(messages).where(messages.c.id == id).values(prompt=prompt))


async def interrupt_streaming(conn: AsyncConnection) -> int:
    """At start: end the answers that the last server left streaming. Their text is what was committed
    of it, and a last part tells readers who come back that no more follows. Returns how many."""
    left = many(Message, await conn.execute(select(messages).where(messages.c.state == "streaming")))
    for message in left:
        parts = await parts_after(conn, message.id, -1)
        said = "".join(payload.get("text", "") for _, kind, payload in parts if kind == "text")
        await finish_message(conn, message.id, said, "interrupted")
        if not parts or parts[-1][1] != "done":
            done = Done(
                conversation_id=message.conversation_id, message_id=message.id, finish_reason="interrupted"
            )
            await append_parts(conn, message.id, [(len(parts), done.kind, to_wire(done))])
    return len(left)
