"""The threads that prepare requests beside the generation, so that who has much to read delays nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from petra.inference.worker.engine import Generation

# What is longer, in characters, or has a grammar, is prepared beside the others and not before them.
SHORT = 20_000
TEXT = 100  # characters that take as long as a text without any
T = TypeVar("T")


class Lanes:
    """A lane for what takes a few milliseconds and one for the rest. For the event loop; what it is given
    to do runs in a lane's thread. `progress` is when something was done last, or the first began."""

    def __init__(self) -> None:
        self._count = 0
        self.progress = time.monotonic()
        self._short = ThreadPoolExecutor(1, "tokenize")
        self._long = ThreadPoolExecutor(1, "tokenize-long")

    @property
    def working(self) -> bool:
        """Whether there is something to do."""
        return self._count > 0

    async def run(self, work: Callable[[], T], *, short: bool) -> T:
        """Do `work` in its turn."""
        if not self._count:
            self.progress = time.monotonic()
        self._count += 1
        try:
            lane = self._short if short else self._long
            return await asyncio.get_running_loop().run_in_executor(lane, work)
        finally:
            self._count -= 1
            self.progress = time.monotonic()

    async def close(self) -> None:
        """Wait for what is there."""
        for lane in (self._short, self._long):
            await asyncio.to_thread(lane.shutdown)


def are_short(texts: Sequence[str]) -> bool:
    """Whether texts are tokenised in a few milliseconds."""
    return sum(map(len, texts)) + TEXT * len(texts) <= SHORT


def is_short(request: Generation) -> bool:
    """Whether a request is prepared in a few milliseconds."""
    return are_short(request.texts) and request.sampling.grammar is None
