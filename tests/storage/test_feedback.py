"""One opinion for each answer and person; it goes with the answer."""

from __future__ import annotations

from petra.storage import conversations, feedback
from petra.storage.database import Database
from petra.storage.users import User


async def test_an_opinion_takes_the_place_of_the_one_before(db: Database, owner: User) -> None:
    async with db.write() as conn:
        conversation = await conversations.create(conn, owner.id, "Locks")
        answer = await conversations.add_message(conn, conversation.id, "assistant", "A lock.")
        await feedback.put(conn, answer.id, owner.id, "down", "Wrong.")
        given = await feedback.put(conn, answer.id, owner.id, "up", "")
        assert await feedback.get(conn, answer.id, owner.id) == given
        assert (given.rating, given.comment) == ("up", "")
        await feedback.remove(conn, answer.id, owner.id)
        assert await feedback.get(conn, answer.id, owner.id) is None


async def test_it_goes_with_the_conversation(db: Database, owner: User) -> None:
    async with db.write() as conn:
        conversation = await conversations.create(conn, owner.id, "Locks")
        answer = await conversations.add_message(conn, conversation.id, "assistant", "A lock.")
        await feedback.put(conn, answer.id, owner.id, None, "Hm.")
        await conversations.remove(conn, conversation.id)
        assert await feedback.get(conn, answer.id, owner.id) is None
