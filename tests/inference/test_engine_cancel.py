"""A reader who goes away frees the place, and nobody else notices."""

import asyncio
from contextlib import aclosing

import pytest

from tests.inference.wire import Body, ask, events, get
from tests.inference.workers import CHAT

STORY: Body = {
    "messages": [{"role": "user", "content": "Tell me a very long story about a fox."}],
    "max_tokens": 40,
}
LONG: Body = {
    "messages": [{"role": "user", "content": "The fox and the crow met again. " * 200}],
    "max_tokens": 40,
}


async def gauge(address: str, name: str) -> float:
    """A number of /metrics."""
    metrics = await get(address, "/metrics")
    return float(metrics[f'petra_worker_{name}{{model="{CHAT}"}}'])


async def active(address: str, count: int) -> None:
    """Wait until so many answers are under way."""
    async with asyncio.timeout(10):
        while await gauge(address, "active") != count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("body", [STORY | {"max_tokens": 1000}, LONG], ids=["writing", "reading"])
async def test_one_of_three_is_cancelled(chat_address: str, body: Body) -> None:
    await active(chat_address, 0)
    cancelled = await gauge(chat_address, "cancelled_total")
    others = [asyncio.create_task(ask(chat_address, STORY)) for _ in range(2)]
    await active(chat_address, 2)
    async with aclosing(events(chat_address, "/v1/chat/completions", body)) as stream:
        first = asyncio.ensure_future(anext(stream))
        await active(chat_address, 3)
        if body is LONG:
            # A second into the prompt, which takes more than three.
            await asyncio.wait({first}, timeout=1)
            assert not first.done() and not any(other.done() for other in others)
            first.cancel()
        await asyncio.wait({first})
    await active(chat_address, 2)
    assert await gauge(chat_address, "cancelled_total") == cancelled + 1
    texts = [await other for other in others]
    assert all(answer.whole and answer.text for answer in texts)
    await active(chat_address, 0)


async def test_all_go_away_at_once(chat_address: str) -> None:
    asked = [asyncio.create_task(ask(chat_address, STORY | {"max_tokens": 500})) for _ in range(6)]
    await active(chat_address, 6)
    for task in asked:
        task.cancel()
    await active(chat_address, 0)
    assert not (await get(chat_address, "/health"))["busy"]
    assert (await ask(chat_address, STORY | {"max_tokens": 3})).whole
