"""A second look at the first passages, by a model that reads query and passage together while time lasts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.telemetry import logger

log = logger("petra.knowledge.search")

MOST = 20
"""Passages that get a second look."""
AT_ONCE = 4
"""Passages of one request: what was read when time is up still counts."""


@dataclass(frozen=True)
class Reranker:
    """A cross-encoder behind an endpoint, and the `seconds` that one search may give it."""

    use: Callable[[], Awaitable[ModelEndpoint]]
    seconds: float

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """How well the first of `texts` answer `query`: as many, in their order, as there was time for.
        None of them while the model is away."""
        ends = time.monotonic() + self.seconds
        found: list[float] = []
        try:
            async with asyncio.timeout(self.seconds):
                endpoint = await self.use()
                for start in range(0, min(len(texts), MOST), AT_ONCE):
                    found += await endpoint.rerank(query, texts[start : start + AT_ONCE])
                    if time.monotonic() >= ends:
                        break
        except TimeoutError:
            log.info("rerank_out_of_time", looked_at=len(found))
        except ModelUnavailable as error:
            log.warning("rerank_unavailable", cause=error.cause)
        return found
