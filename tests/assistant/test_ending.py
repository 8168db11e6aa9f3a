"""How answers end that nobody finishes: stopped by the person, or by the server's goodbye."""

import pytest
from blockbuster import blockbuster_ctx

from petra.access import Identity
from petra.messages import AskRequest, Done, Text
from petra.storage import conversations
from tests.api.rig import rig


@pytest.fixture
async def slow():
    """A Petra whose model takes its time, with one document."""
    async with rig(token_delay=0.05) as petra:
        await petra.upload("notes.md", b"Paging divides memory into frames. " * 8)
        with blockbuster_ctx("petra"):
            yield petra.petra


async def answer_until_text(petra):
    """Start an answer and return its id once some of its text is there."""
    owner = Identity(petra.owner_id, "owner")
    answer_id = await petra.assistant.start(owner, AskRequest(question="What does paging do?"))
    async for item in petra.assistant.follow(owner, answer_id):
        if isinstance(item.part, Text):
            break
    return owner, answer_id


async def recorded(petra, answer_id):
    async with petra.db.read() as conn:
        return await conversations.get_message(conn, answer_id)


async def test_a_person_who_stops_an_answer_keeps_its_text(slow):
    owner, answer_id = await answer_until_text(slow)
    await slow.assistant.cancel(owner, answer_id)
    message = await recorded(slow, answer_id)
    assert message.state == "cancelled"
    assert message.content


async def test_a_server_that_leaves_interrupts_and_does_not_blame_the_person(slow):
    owner, answer_id = await answer_until_text(slow)
    await slow.assistant.close()
    message = await recorded(slow, answer_id)
    assert message.state == "interrupted"
    assert message.content
    last = [item async for item in slow.assistant.follow(owner, answer_id)][-1]
    assert isinstance(last.part, Done)
    assert last.part.finish_reason == "interrupted"


async def test_two_questions_at_once_in_one_conversation_keep_their_order(slow):
    """Row 14: two tabs."""
    owner = Identity(slow.owner_id, "owner")
    first = await slow.assistant.ask(owner, AskRequest(question="What does paging do?"))
    requests = [AskRequest(question=f"Question {n}", conversation_id=first.conversation_id) for n in range(2)]
    ids = [await slow.assistant.start(owner, request) for request in requests]
    for answer_id in ids:
        parts = [item async for item in slow.assistant.follow(owner, answer_id)]
        assert [item.seq for item in parts] == list(range(len(parts)))
    async with slow.db.read() as conn:
        messages = await conversations.messages_in(conn, first.conversation_id)
    assert [message.seq for message in messages] == list(range(6))
    questions = [message.content for message in messages if message.role == "user"]
    assert questions == ["What does paging do?", "Question 0", "Question 1"]
