"""The threads that compute: each takes batch after batch from the queue, and hands the results out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from petra.inference.worker.embed_queue import Batching, EmbedQueue, Row

Item = TypeVar("Item")
Values = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(eq=False)
class _Request(Generic[Item]):
    items: Sequence[Item]
    values: list[Values]
    left: int
    done: asyncio.Future[Values]


class EmbedRunner(Generic[Item]):
    """Runs `compute` on the rows of requests, as many batches at a time as there are threads.

    `compute` gets the items of one batch and returns an array with a row for each; it is called in
    threads of its own. A batch that fails fails the requests that have a row in it, and no other.
    """

    def __init__(self, compute: Callable[[list[Item]], Values], batching: Batching) -> None:
        self._compute = compute
        self._queue: EmbedQueue[_Request[Item]] = EmbedQueue(batching)
        self._size = batching.threads
        self._threads = ThreadPoolExecutor(batching.threads, "embed")
        self._pumps: set[asyncio.Task[None]] = set()
        self._requests: list[_Request[Item]] = []
        self._served = 0
        self._progress = 0.0

    async def run(self, items: Sequence[Item], lengths: Sequence[int]) -> Values:
        """The results of `items`, in their order; `lengths` are their tokens. A request that is cancelled
        ends at once; a batch of it that is under way is computed in vain."""
        if not items:
            raise ValueError("nothing to compute")
        empty = [np.zeros(0, np.float32)] * len(items)
        request = _Request(items, empty, len(items), asyncio.get_running_loop().create_future())
        if not self._requests:
            self._progress = time.monotonic()
        self._requests.append(request)
        self._queue.add(request, lengths)
        while len(self._pumps) < self._size:
            pump = asyncio.create_task(self._run_all())
            self._pumps.add(pump)
        try:
            values = await request.done
        finally:
            self._queue.drop(request)
            self._requests.remove(request)
        self._served += 1
        return values

    @property
    def batch_tokens(self) -> int:
        """The most tokens of the next batch."""
        return self._queue.batch_tokens

    def health(self) -> dict[str, Any]:
        """What every engine says of its work in `/health`."""
        return {
            "busy": bool(self._requests),
            "queued": max(len(self._requests) - 1, 0),
            "served": self._served,
            "progress_age_s": round(time.monotonic() - self._progress, 3) if self._requests else 0.0,
        }

    async def close(self) -> None:
        """Wait for the batches under way; the requests are cancelled."""
        for request in self._requests:
            request.done.cancel()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def _run_all(self) -> None:
        try:
            while batch := self._queue.take():
                await self._run_one(batch)
        finally:
            self._pumps.discard(asyncio.current_task())

    async def _run_one(self, batch: list[Row[_Request[Item]]]) -> None:
        items = [row.request.items[row.index] for row in batch]
        requests = {id(row.request): row.request for row in batch}.values()
        started = time.monotonic()
        try:
            values = await asyncio.get_running_loop().run_in_executor(self._threads, self._compute, items)
        except Exception as error:  # whatever the model's library raises belongs to who asked
            for request in requests:
                if not request.done.done():
                    request.done.set_exception(error)
                self._queue.drop(request)
            return
        self._progress = time.monotonic()
        self._queue.computed(batch, self._progress - started)
        for row, value in zip(batch, values, strict=True):
            row.request.values[row.index] = value
            row.request.left -= 1
        for request in requests:
            if not request.left and not request.done.done():
                request.done.set_result(np.stack(request.values))
