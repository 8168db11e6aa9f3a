"""The thread that computes batches: order, cancelling, failing."""

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

from petra.inference.worker.embed_queue import Batching
from petra.inference.worker.embed_runner import EmbedRunner, Values


class Gate:
    """A model that computes a batch when it is let, and notes what was in it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.started = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, items: list[str]) -> Values:
        self.batches.append(items)
        self.started.release()
        self.go.acquire()
        if "bad" in items:
            raise FloatingPointError("bad")
        return np.array([[len(item), 0] for item in items], np.float32)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def runner(gate: Gate) -> AsyncIterator[EmbedRunner[str]]:
    made = EmbedRunner(gate, Batching(2, 2, short=1))
    yield made
    gate.go.release(100)
    await made.close()


def run(runner: EmbedRunner[str], *items: str) -> "asyncio.Task[Values]":
    return asyncio.create_task(runner.run(items, [1] * len(items)))


async def test_a_question_waits_for_the_batch_under_way_and_no_longer(
    runner: EmbedRunner[str], gate: Gate
) -> None:
    bulk = run(runner, "a", "bb", "ccc", "dddd")
    await asyncio.to_thread(gate.started.acquire)
    question = run(runner, "question")
    await asyncio.sleep(0)
    gate.go.release(2)
    assert (await question)[0][0] == 8 and not bulk.done()
    gate.go.release()
    assert [row[0] for row in await bulk] == [1, 2, 3, 4]
    assert gate.batches == [["a", "bb"], ["question"], ["ccc", "dddd"]]


async def test_a_request_that_is_cancelled_costs_at_most_the_batch_under_way(
    runner: EmbedRunner[str], gate: Gate
) -> None:
    left = run(runner, *"abcdef")
    await asyncio.to_thread(gate.started.acquire)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert runner.health()["busy"] is False
    gate.go.release(2)
    await run(runner, "next")
    assert gate.batches == [["a", "b"], ["next"]]


async def test_a_batch_that_fails_fails_only_its_own_request(runner: EmbedRunner[str], gate: Gate) -> None:
    bad, good = run(runner, "bad", "b", "c", "d"), run(runner, "e", "f")
    gate.go.release(9)
    with pytest.raises(FloatingPointError):
        await bad
    assert [row[0] for row in await good] == [1, 1]
    assert ["c", "d"] not in gate.batches


async def test_health_counts_what_waits_and_what_was_served(runner: EmbedRunner[str], gate: Gate) -> None:
    idle = runner.health()
    assert idle == {"busy": False, "queued": 0, "served": 0, "progress_age_s": 0.0}
    tasks = [run(runner, "a"), run(runner, "b"), run(runner, "c")]
    await asyncio.to_thread(gate.started.acquire)
    assert runner.health() | {"progress_age_s": 0.0} == idle | {"busy": True, "queued": 2}
    gate.go.release(9)
    await asyncio.gather(*tasks)
    assert runner.health() == idle | {"served": 3}


async def test_every_thread_computes_a_batch(gate: Gate) -> None:
    runner = EmbedRunner(gate, Batching(2, 2, threads=3))
    task = run(runner, *"abcdefgh")
    for _ in range(3):
        assert await asyncio.to_thread(gate.started.acquire, timeout=20)
    assert sorted(gate.batches) == [["a", "b"], ["c", "d"], ["e", "f"]]
    gate.go.release(9)
    assert (await task).shape == (8, 2)
    await runner.close()
