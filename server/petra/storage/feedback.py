"""What people think of answers: one row for each answer and person."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.messages import Rating
from petra.storage.rows import now
from petra.storage.tables import feedback


@dataclass(frozen=True)
class Feedback:
    """`rating` is None where there is only a comment."""

    message_id: str
    user_id: str
    rating: Rating | None
    comment: str
    created_at: float


async def put(
    conn: AsyncConnection, message_id: str, user_id: str, rating: Rating | None, comment: str
) -> Feedback:
    """Keep a person's opinion of an answer in place of the one before."""
    await remove(conn, message_id, user_id)
    given = Feedback(message_id, user_id, rating, comment, now())
    await conn.execute(insert(feedback), asdict(given))
    return given


async def remove(conn: AsyncConnection, message_id: str, user_id: str) -> None:
    """Forget a person's opinion of an answer."""
    await conn.execute(
        delete(feedback).where(feedback.c.message_id == message_id, feedback.c.user_id == user_id)
    )
