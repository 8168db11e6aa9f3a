"""The vectors of queries: remembered, and not waited for when the embedder is slow."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from petra.errors import Busy, ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge.index.entry import Vector
from petra.telemetry import logger

log = logger("petra.knowledge.search")

KEPT = 256
PATIENCE = 2.0
"""Seconds that a search waits for its vector; on two busy cores one takes 0.2."""
NO_PATIENCE = 0.1
"""The same while an earlier one is overdue: the embedder hangs, or is starting."""


class QueryVectors:
    """Embeds queries with one model. A vector that comes too late for its search serves the next."""

    def __init__(
        self, embed_query: Callable[[], Awaitable[ModelEndpoint]], patience: float = PATIENCE
    ) -> None:
        self._embed_query = embed_query
        self._patience = patience
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._waiting: dict[str, asyncio.Task[Vector | None]] = {}
        self._overdue: set[str] = set()

    async def of(self, query: str) -> Vector | None:
        """The query's vector as the model gave it; None while the embedder is away, busy or slow."""
        if (known := self._known.get(query)) is not None:
            self._known.move_to_end(query)
            return known
        patience = min(NO_PATIENCE, self._patience) if self._overdue else self._patience
        task = self._waiting.get(query) or self._begin(query)
        done, _ = await asyncio.wait({task}, timeout=patience)
        if done:
            return task.result()
        self._overdue.add(query)
        log.warning("search_without_meaning", cause=f"The embedder takes longer than {patience} s")
        return None

    async def close(self) -> None:
        """Wait for nothing any more."""
        for task in (waiting := list(self._waiting.values())):
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _begin(self, query: str) -> asyncio.Task[Vector | None]:
        task = asyncio.create_task(self._embedded(query))
        self._waiting[query] = task
        task.add_done_callback(lambda _: self._ended(query))
        return task

    def _ended(self, query: str) -> None:
        self._waiting.pop(query, None)
        self._overdue.discard(query)

    async def _embedded(self, query: str) -> Vector | None:
        try:
            endpoint = await self._embed_query()
            vector: Vector = (await endpoint.embed([query]))[0]
        except (ModelUnavailable, Busy) as error:
            log.warning("search_without_meaning", cause=error.cause)
            return None
        self._known[query] = vector
        while len(self._known) > KEPT:
            self._known.popitem(last=False)
        return vector
