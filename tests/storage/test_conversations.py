import asyncio

import pytest
from sqlalchemy.exc import IntegrityError

from petra.errors import NotFound
from petra.storage import conversations
from petra.storage.conversations import Conversation, Message
from petra.storage.database import Database
from petra.storage.users import User


@pytest.fixture
async def conversation(db: Database, owner: User) -> Conversation:
    async with db.write() as conn:
        return await conversations.create(conn, owner.id, "What is a process?")


async def say(
    db: Database, conversation: Conversation, content: str, parent: Message | None = None
) -> Message:
    async with db.write() as conn:
        role: conversations.MessageRole = "assistant" if parent and parent.role == "user" else "user"
        return await conversations.add_message(
            conn, conversation.id, role, content, parent_id=parent and parent.id
        )


async def test_an_edited_question_starts_a_branch(db: Database, conversation: Conversation) -> None:
    question = await say(db, conversation, "q1")
    answer = await say(db, conversation, "a1", question)
    second = await say(db, conversation, "q2", answer)
    edited = await say(db, conversation, "q2, better", answer)
    async with db.read() as conn:
        assert await conversations.history(conn, second.id) == [question, answer, second]
        assert await conversations.history(conn, edited.id) == [question, answer, edited]
        assert await conversations.history(conn, question.id) == [question]
        assert await conversations.history(conn, "0" * 32) == []
        assert await conversations.latest(conn, conversation.id) == edited
        assert await conversations.messages_in(conn, conversation.id) == [question, answer, second, edited]
        assert await conversations.get_message(conn, edited.id) == edited


async def test_two_tabs_take_their_places_in_turn(db: Database, conversation: Conversation) -> None:
    said = await asyncio.gather(*(say(db, conversation, str(i)) for i in range(20)))
    assert sorted(message.seq for message in said) == list(range(20))


async def test_nothing_is_said_in_a_conversation_that_is_not_there(db: Database) -> None:
    with pytest.raises(NotFound):
        async with db.write() as conn:
            await conversations.add_message(conn, "0" * 32, "user", "hello")


async def test_a_person_sees_their_conversations_newest_first(
    db: Database, owner: User, conversation: Conversation
) -> None:
    async with db.write() as conn:
        newer = await conversations.create(conn, owner.id)
        assert await conversations.list_for(conn, owner.id) == [newer, conversation]
        assert await conversations.list_for(conn, "0" * 32) == []
        await conversations.remove(conn, newer.id)
        assert await conversations.list_for(conn, owner.id) == [conversation]


async def test_the_parts_a_client_missed(db: Database, conversation: Conversation) -> None:
    message = await say(db, conversation, "")
    parts = [(seq, "text", {"kind": "text", "text": f"Grüße 🜁 {seq}\n"}) for seq in range(12)]
    async with db.write() as conn:
        await conversations.append_parts(conn, message.id, parts[:5])
        await conversations.append_parts(conn, message.id, [])
        await conversations.append_parts(conn, message.id, parts[5:])
    async with db.read() as conn:
        assert await conversations.parts_after(conn, message.id, -1) == parts
        assert await conversations.parts_after(conn, message.id, 8) == parts[9:]
        assert await conversations.parts_after(conn, message.id, 11) == []


async def test_a_part_is_never_overwritten(db: Database, conversation: Conversation) -> None:
    message = await say(db, conversation, "")
    with pytest.raises(IntegrityError):
        async with db.write() as conn:
            await conversations.append_parts(conn, message.id, [(0, "text", {}), (0, "text", {})])


async def test_an_answer_keeps_its_prompt_sources_and_cost(db: Database, conversation: Conversation) -> None:
    question = await say(db, conversation, "q")
    answer = await say(db, conversation, "", question)
    sources = [
        {"n": n, "kind": "cited", "document_id": "d" * 32, "document": "notes.md", "quote": "…", "score": 0.5}
        for n in (1, 2)
    ]
    cost = {"model": "smol", "prompt_tokens": 700, "completion_tokens": 64, "total_ms": 12.5}
    async with db.write() as conn:
        await conversations.finish_message(conn, answer.id, "a process is …", "complete")
        await conversations.set_prompt(conn, question.id, "passages and q")
        await conversations.set_sources(conn, answer.id, [s | {"kind": "retrieved"} for s in sources])
        await conversations.set_sources(conn, answer.id, [s | {"chunk_id": 7} for s in reversed(sources)])
        await conversations.set_usage(conn, answer.id, cost | {"ttft_ms": 3.0})
        await conversations.set_usage(conn, answer.id, cost)
    async with db.read() as conn:
        asked, answered = await conversations.history(conn, answer.id)
        assert asked.prompt == "passages and q"
        assert (answered.content, answered.state) == ("a process is …", "complete")
        assert await conversations.sources_of(conn, [question.id, answer.id]) == {answer.id: sources}
        assert await conversations.usages_of(conn, [question.id, answer.id]) == {answer.id: cost}
        assert await conversations.endings_of(conn, [question.id, answer.id]) == {}


async def test_an_answer_that_a_crash_cut_off_ends_with_the_text_so_far(
    db: Database, conversation: Conversation
) -> None:
    question = await say(db, conversation, "q")
    async with db.write() as conn:
        answer = await conversations.add_message(
            conn, conversation.id, "assistant", "", question.id, "streaming"
        )
        parts = [
            (0, "status", {"kind": "status"}),
            (1, "text", {"kind": "text", "text": "a pro"}),
            (2, "text", {"kind": "text", "text": "cess"}),
        ]
        await conversations.append_parts(conn, answer.id, parts)
    async with db.write() as conn:
        assert await conversations.interrupt_streaming(conn) == 1
        assert await conversations.interrupt_streaming(conn) == 0
        found = await conversations.get_message(conn, answer.id)
        assert found and (found.content, found.state) == ("a process", "interrupted")
        ((seq, kind, last),) = await conversations.parts_after(conn, answer.id, 2)
        ending = await conversations.endings_of(conn, [question.id, answer.id])
    assert (seq, kind, last["finish_reason"]) == (3, "done", "interrupted")
    assert ending == {answer.id: {"finish_reason": "interrupted"}}
