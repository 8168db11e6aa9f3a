"""A reader who goes away frees the CPU, in the middle of an answer and in the middle of a long prompt."""

import asyncio
import time
from contextlib import aclosing

import psutil
import pytest

from petra.inference.client import ChatMessage, ModelEndpoint
from petra.inference.replies import Delta, Queued
from tests.inference.conftest import chat, chat_address, small_chat  # noqa: F401
from tests.inference.workers import PARIS, STORY, said

LONG = [ChatMessage("user", "The fox and the crow met again. " * 220)]


def process_of(address: str) -> psutil.Process:
    """The worker that listens there."""
    children = psutil.Process().children()
    return next(child for child in children if address in child.cmdline())


async def computes(process: psutil.Process, seconds: float = 0.5) -> float:
    """The share of a core that it uses for so long."""
    before = process.cpu_times()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


async def is_free(endpoint: ModelEndpoint) -> float:
    """Seconds until the worker has nothing to do any more."""
    started = time.monotonic()
    async with asyncio.timeout(10):
        while (await endpoint.health())["busy"]:
            await asyncio.sleep(0.02)
    return time.monotonic() - started


async def test_cancel_while_it_writes(chat: ModelEndpoint) -> None:  # noqa: F811
    async with aclosing(chat.chat(STORY, max_tokens=1000)) as events:
        assert isinstance(await anext(events), Delta)
        assert (await chat.health())["busy"]
    # A second, and what a machine that runs other tests at the same time may add.
    assert await is_free(chat) < 3


async def test_cancel_while_it_reads(chat: ModelEndpoint) -> None:  # noqa: F811
    events = chat.chat(LONG, max_tokens=8)
    first = asyncio.ensure_future(anext(events))
    async with asyncio.timeout(10):
        while not (await chat.health())["progress_age_s"]:
            await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await is_free(chat) < 3


@pytest.mark.parametrize("messages", [STORY, LONG], ids=["writing", "reading"])
async def test_the_cpu_is_free_within_a_second(
    chat: ModelEndpoint,  # noqa: F811
    chat_address: str,  # noqa: F811
    messages: list[ChatMessage],
) -> None:
    """What the person feels: the fan stops. All readers go at once, as when a room is closed."""
    process = process_of(chat_address)
    asked = [asyncio.create_task(said(chat, messages, max_tokens=1000, user=f"u{n}")) for n in range(3)]
    async with asyncio.timeout(20):
        while await computes(process) < 0.5:
            pass
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await asyncio.sleep(0.5)
    assert await computes(process) < 0.1


async def test_cancel_while_it_waits(chat: ModelEndpoint) -> None:  # noqa: F811
    places = (await chat.health())["places"]
    running = [asyncio.create_task(said(chat, STORY, max_tokens=1000)) for _ in range(places)]
    async with asyncio.timeout(20):
        while (await chat.health())["active"] < places:
            await asyncio.sleep(0.02)
    async with aclosing(chat.chat(PARIS, max_tokens=8)) as waiting:
        assert isinstance(await anext(waiting), Queued)
        assert (await chat.health())["queued"] == 1
    async with asyncio.timeout(10):
        while (await chat.health())["queued"]:
            await asyncio.sleep(0.02)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    text, _ = await said(chat, PARIS)
    assert "Paris" in text
