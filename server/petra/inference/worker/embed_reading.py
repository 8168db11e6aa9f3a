"""Texts made into tokens beside the event loop, so that nobody's book or long list holds up a question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Tokens = TypeVar("Tokens")

# Characters that no token exceeds on average. Of a text that is cut off at its end no more need be read:
# 10 MB of it took 13 to 43 s and 0.9 to 3 GB.
LONGEST_TOKEN = 64
# Characters that are read at once, in 50 ms, and how many a text costs without any.
PART, TEXT = 32_768, 100


class Reading:
    """Two threads: one for requests that are read at once, and one for the others, which take turns there
    part by part."""

    def __init__(self) -> None:
        self._short = ThreadPoolExecutor(1, "tokenize")
        self._long = ThreadPoolExecutor(1, "tokenize-long")

    async def run(self, read: Callable[[list[str]], list[Tokens]], texts: Sequence[str]) -> list[Tokens]:
        """What `read` makes of each text."""
        loop = asyncio.get_running_loop()
        thread = self._short if sum(map(len, texts)) + TEXT * len(texts) <= PART else self._long
        found: list[Tokens] = []
        for part in parts(texts):
            found += await loop.run_in_executor(thread, read, part)
        return found

    async def close(self) -> None:
        """Wait for the parts under way."""
        for thread in (self._short, self._long):
            await asyncio.to_thread(thread.shutdown, wait=True, cancel_futures=True)


def cut(texts: Sequence[str], context: int) -> list[str]:
    """What can matter of texts that are cut off after `context` tokens."""
    return [text[: context * LONGEST_TOKEN] for text in texts]


def parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, each part as large as may be read at once; a longer text is alone."""
    part: list[str] = []
    size = 0
    for text in texts:
        if part and size + len(text) + TEXT > PART:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text) + TEXT
    if part:
        yield part
