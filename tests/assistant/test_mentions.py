"""What is pointed at is found: files by the end of their path, symbols by name and by what they stand in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from petra.assistant.mentions import Mentioned, Mentions
from petra.knowledge.buffers import Buffer
from petra.storage import collections
from tests.lsp.desk import Desk, desk

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


async def find(at: Desk, *names: str, open_buffers: list[Buffer] | None = None) -> Mentioned:
    petra = at.rig.petra
    async with petra.db.read() as conn:
        ids = [item.id for item in await collections.list_for(conn, petra.owner_id)]
    mentions = Mentions(petra.db, petra.searcher, ids, open_buffers or [])
    return await mentions.find(names, "what is it?")


@pytest.mark.parametrize("name", ["queue.py", "/queue.py", "queue.py/", "\\queue.py"])
async def test_a_file_by_the_end_of_its_path(at: Desk, name: str) -> None:
    found = await find(at, name)
    assert {item.path for item in found.passages} == {"queue.py"}


@pytest.mark.parametrize("name", ["push_task", "PUSH_TASK", "RunQueue.push_task", "RunQueue::push_task"])
async def test_a_symbol_by_its_name_and_what_it_stands_in(at: Desk, name: str) -> None:
    found = await find(at, name)
    assert found.passages and "def push_task" in found.passages[0].text


@pytest.mark.parametrize("name", ["eue.py", "Other.push_task", "%", "queue", "nothing"])
async def test_what_is_not_there_is_named_as_unknown(at: Desk, name: str) -> None:
    assert await find(at, name) == Mentioned([], [name])


async def test_what_is_open_comes_before_what_is_stored(at: Desk) -> None:
    stored = (await find(at, "push_task")).passages[0]
    typed = Buffer("queue.py", "def push_task(task):\n    ring.add(task)\n", stored.document_id, "c")
    for name in ("push_task", "queue.py"):
        found = await find(at, name, open_buffers=[typed])
        assert "ring.add" in found.passages[0].text
