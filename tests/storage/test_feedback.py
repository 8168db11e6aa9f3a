"""One opinion for each answer and person; it goes with the answer."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage import conversations, feedback, tables
from petra.storage.database import Database
from petra.storage.feedback import Feedback
from petra.storage.users import User


async def opinions(conn: AsyncConnection) -> list[Feedback]:
    rows = (await conn.execute(select(tables.feedback))).mappings()
    return [Feedback(**row) for row in rows]


async def test_an_opinion_takes_the_place_of_the_one_before(db: Database, owner: User) -> None:
    async with db.write() as conn:
        conversation = await conversations.create(conn, owner.id, "Locks")
        answer = await conversations.add_message(conn, conversation.id, "assistant", "A lock.")
        await feedback.put(conn, answer.id, owner.id, "down", "Wrong.")
        given = await feedback.put(conn, answer.id, owner.id, "up", "")
        assert await opinions(conn) == [given]
        assert (given.rating, given.comment) == ("up", "")
        await feedback.remove(conn, answer.id, owner.id)
        assert await opinions(conn) == []


async def test_it_goes_with_the_conversation(db: Database, owner: User) -> None:
    async with db.write() as conn:
        conversation = await conversations.create(conn, owner.id, "Locks")
        answer = await conversations.add_message(conn, conversation.id, "assistant", "A lock.")
        await feedback.put(conn, answer.id, owner.id, None, "Hm.")
        await conversations.remove(conn, conversation.id)
        assert await opinions(conn) == []
