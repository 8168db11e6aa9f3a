import asyncio
from contextlib import aclosing

import pytest
from blockbuster import blockbuster_ctx

from petra.assistant.stream import AnswerStream
from petra.messages import Done, Status, Text, part_from_wire
from petra.storage import conversations, users
from petra.storage.database import Database


@pytest.fixture
async def db(tmp_path):
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'petra.db'}")
    with blockbuster_ctx("petra"):
        yield database
    await database.close()


@pytest.fixture
async def answer(db):
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        conversation = await conversations.create(conn, owner.id, "title")
        return await conversations.add_message(conn, conversation.id, "assistant", "", state="streaming")


def done(answer):
    return Done(conversation_id=answer.conversation_id, message_id=answer.id, finish_reason="stop")


def stream_of(db, answer, *, grace=60.0, abandoned=lambda: None):
    return AnswerStream(db, answer.id, grace=grace, abandoned=abandoned)


async def collect(stream, after=-1):
    async with aclosing(stream.follow(after)) as items:
        return [item async for item in items]


async def test_parts_are_numbered_without_gaps_and_recorded_as_shown(db, answer):
    stream = stream_of(db, answer)
    writer = asyncio.create_task(stream.write())
    shown = asyncio.create_task(collect(stream))
    for word in ["Paging", "avoids", "external", "fragmentation."]:
        stream.put(Text(word + " "))
        await asyncio.sleep(0.015)
    stream.put(done(answer))
    await writer
    items = await shown
    assert [item.seq for item in items] == list(range(len(items)))
    text = "".join(item.part.text for item in items if isinstance(item.part, Text))
    assert text == "Paging avoids external fragmentation. "
    async with db.read() as conn:
        rows = await conversations.parts_after(conn, answer.id, -1)
    assert [(seq, part_from_wire(payload)) for seq, _, payload in rows] == [
        (item.seq, item.part) for item in items
    ]


async def test_what_a_follower_sees_is_already_committed(db, answer):
    stream = stream_of(db, answer)
    writer = asyncio.create_task(stream.write())
    stream.put(Text("first"))
    async with aclosing(stream.follow()) as items:
        item = await anext(items)
        async with db.read() as conn:
            rows = await conversations.parts_after(conn, answer.id, -1)
        assert rows[0][0] == item.seq
    stream.put(done(answer))
    await writer


async def test_a_follower_that_comes_back_gets_exactly_what_it_missed(db, answer):
    stream = stream_of(db, answer)
    writer = asyncio.create_task(stream.write())
    for text in ("a", "b"):
        stream.put(Status("reading", text))
    async with aclosing(stream.follow()) as items:
        last_seen = (await anext(items)).seq
    stream.put(Text("c"))
    stream.put(done(answer))
    await writer
    missed = await collect(stream, last_seen)
    assert [item.seq for item in missed] == [1, 2, 3]
    assert missed[0].part == Status("reading", "b")


async def test_an_answer_that_nobody_follows_is_abandoned_after_the_grace(db, answer):
    gone = asyncio.Event()
    stream = stream_of(db, answer, grace=0.05, abandoned=gone.set)
    writer = asyncio.create_task(stream.write())
    stream.put(Text("a"))
    async with aclosing(stream.follow()) as items:
        await anext(items)
        await asyncio.sleep(0.1)
        assert not gone.is_set(), "somebody is following"
    await asyncio.wait_for(gone.wait(), 5)
    stream.put(done(answer))
    await writer
