"""A deterministic endpoint for tests of pages and transports, and for nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import numpy as np

from petra.errors import TooLarge
from petra.inference.worker.engine import Ended, Event, Generation, Piece, Stopped, Vectors, Waiting

DIMENSION = 64
WORD = re.compile(r"\w+")
FIRST_PASSAGE = re.compile(r"^\[1\][^\n]*\n+(.+?)(?:(?<=[.!?])\s|$)", re.DOTALL | re.MULTILINE)


class StubEngine:
    """Answers with the first sentence of the prompt's passage [1] and cites it, one request at a time;
    embeds by hashed words and ranks by shared ones.

    `token_delay` seconds pass before each word. Answer 1 and later ones begin with their number.
    """

    def __init__(self, *, name: str = "stub", token_delay: float = 0.0) -> None:
        self.name = name
        self.context = 4096
        self.infill = True
        self.adapters: tuple[str, ...] = ()
        self._delay = token_delay
        self._turn = asyncio.Lock()
        self._queued = 0
        self._served = 0

    def health(self) -> dict[str, Any]:
        """Values for `/health`."""
        return {
            "context": self.context,
            "prefill_tokens_per_s": 10_000.0,
            "busy": self._turn.locked(),
            "queued": self._queued,
            "served": self._served,
            "progress_age_s": 0.0,
            "degraded": None,
        }

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """A word is a token."""
        return [[len(word) for word in WORD.findall(text)] for text in texts]

    async def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """See ChatEngine."""
        texts = [message.content for message in request.messages] or [request.prompt or ""]
        prompt_tokens = sum(len(WORD.findall(text)) for text in texts)
        if prompt_tokens >= self.context:
            raise TooLarge(f"The prompt is {prompt_tokens - self.context + 1} tokens too long")
        if self._turn.locked():
            yield Waiting(self._queued, None)
        self._queued += 1
        try:
            await self._turn.acquire()
        finally:
            self._queued -= 1
        answers = [_answer(texts[-1], number) for number in range(request.n)]
        written = 0
        try:
            for index, words in enumerate(answers):
                for number, word in enumerate(words[: request.max_tokens]):
                    await asyncio.sleep(self._delay)
                    written += 1
                    yield Piece(word if number == 0 else f" {word}", index)
                whole = len(words) <= (request.max_tokens or len(words))
                yield Stopped("stop" if whole else "length", index)
        finally:
            self._turn.release()
        self._served += 1
        yield Ended(prompt_tokens, written)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Sums of one random vector a word, so that texts with the same words are near."""
        self._served += 1
        return np.stack([self._vector(text) for text in texts]).astype(np.float32)

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """The part of the query's words that a document has."""
        asked = set(WORD.findall(query.lower()))
        return [len(asked & set(WORD.findall(text.lower()))) / max(len(asked), 1) for text in documents]

    async def close(self) -> None:
        """Nothing to free."""

    def _vector(self, text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        total = np.full(DIMENSION, 1e-6)
        for word in WORD.findall(text.lower()):
            seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
            total += np.random.default_rng(seed).standard_normal(DIMENSION)
        unit: np.ndarray[Any, np.dtype[np.float64]] = total / np.linalg.norm(total)
        return unit


def crash() -> None:
    """Die as native code does, to try what the supervisor makes of it."""
    os.kill(os.getpid(), signal.SIGSEGV)


def _answer(prompt: str, number: int) -> list[str]:
    """The words of an answer."""
    if passage := FIRST_PASSAGE.search(prompt):
        text = f"{' '.join(passage.group(1).split())} [1]"
    else:
        text = f"You said: {' '.join(prompt.split())[-200:]}"
    return (f"{number}: {text}" if number else text).split(" ")
