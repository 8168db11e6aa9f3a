"""From texts to vector rows: what has no vector yet is embedded, several requests at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge.index.stored import to_stored
from petra.storage import vectors
from petra.storage.database import Database
from petra.storage.rows import batches

BATCH = 64
"""Texts in one request."""
IN_FLIGHT = 4
"""Requests under way: the worker finds the next one waiting while vectors are stored."""
REQUEST_SECONDS = 300.0
"""An endpoint that says nothing for so long is away."""

Endpoint = Callable[[], Awaitable[ModelEndpoint]]
Progress = Callable[[int, int], Awaitable[None]]
Texts = Sequence[tuple[str, str]]
"""(hash, text)"""
Kept = Callable[[Texts], Awaitable[None]]


class Embedding:
    """Fills the table of vectors with those of one model. `endpoint` is asked for when it is needed, so
    that a worker which starts on demand starts only for work."""

    def __init__(self, db: Database, model_id: str, endpoint: Endpoint) -> None:
        self._db = db
        self._model_id = model_id
        self._endpoint = endpoint

    async def embed(self, owner_id: str, texts: Mapping[str, str], progress: Progress) -> None:
        """Make sure that each of `texts`, by hash, has a vector. What was kept when this raises is not
        asked for again. Raises what `progress` and the model raise."""
        async with self._db.read() as conn:
            known = await vectors.get_many(conn, owner_id, self._model_id, list(texts))
        wanted = by_length([item for item in texts.items() if item[0] not in known])
        done = 0
        await progress(0, len(wanted))

        async def kept(some: Texts) -> None:
            nonlocal done
            done += len(some)
            await progress(done, len(wanted))

        async def requests() -> AsyncIterator[Texts]:
            for some in batches(wanted, BATCH):
                yield some

        await self.stream(owner_id, requests(), kept)

    async def stream(self, owner_id: str, requests: AsyncIterator[Texts], kept: Kept) -> None:
        """Embed the texts of each request, at most BATCH, and keep their vectors; `kept` is told what is
        durable. Raises what `requests`, `kept` and the model raise; requests under way are then dropped.
        """
        running: dict[asyncio.Task[dict[str, bytes]], Texts] = {}
        more = True
        try:
            while True:
                while more and len(running) < IN_FLIGHT:
                    try:
                        some = await anext(requests)
                    except StopAsyncIteration:
                        more = False
                    else:
                        running[asyncio.create_task(self._embedded(some))] = some
                if not running:
                    return
                ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                new: dict[str, bytes] = {}
                for task in ended:
                    new |= task.result()
                async with self._db.write() as conn:
                    await vectors.put_many(conn, owner_id, self._model_id, new)
                for task in ended:
                    await kept(running.pop(task))
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _embedded(self, some: Texts) -> dict[str, bytes]:
        endpoint = await self._endpoint()
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                rows = await endpoint.embed([text for _, text in some])
        except TimeoutError as error:
            raise ModelUnavailable(
                "The embedder does not answer",
                cause=f"It said nothing for {REQUEST_SECONDS:.0f} seconds",
                remedy="Petra tries again by itself; if it stays so, see the server's log",
            ) from error
        return {text_hash: to_stored(row) for (text_hash, _), row in zip(some, rows, strict=True)}


def by_length(texts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of like length together: the longest of a batch decides what it costs."""
    return sorted(texts, key=lambda item: (len(item[1]), item[0]))
