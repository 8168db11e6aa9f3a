"""One at a time with a collection, and nothing left of those that are done."""

from __future__ import annotations

import asyncio

from petra.knowledge.turns import Turns


async def test_those_who_want_the_same_collection_wait_for_each_other() -> None:
    turns, inside, most = Turns(), 0, 0

    async def take(collection_id: str) -> None:
        nonlocal inside, most
        async with turns.of(collection_id):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(take("a") for _ in range(20)))
    assert most == 1
    await asyncio.gather(*(take(str(number)) for number in range(20)))
    assert most > 1


async def test_nothing_is_left_of_those_that_are_done() -> None:
    turns = Turns()
    async with turns.of("held"):
        for number in range(1000):
            async with turns.of(str(number)):
                assert len(turns) == 2
        assert len(turns) == 1 and turns.of("held").locked()
    assert len(turns) == 0
