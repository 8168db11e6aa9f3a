"""From chunks to vector rows: only what has no vector yet is embedded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from petra.inference.client import ModelEndpoint
from petra.knowledge.index.indexes import to_stored
from petra.storage import vectors
from petra.storage.database import Database

BATCH = 64

Endpoint = Callable[[], Awaitable[ModelEndpoint]]
Progress = Callable[[int, int], Awaitable[None]]


class Embedding:
    """Fills the table of vectors with those of one model. `endpoint` is asked for when it is needed, so
    that a worker which starts on demand starts only for work."""

    def __init__(self, db: Database, model_id: str, endpoint: Endpoint) -> None:
        self._db = db
        self._model_id = model_id
        self._endpoint = endpoint

    async def embed(self, owner_id: str, texts: Mapping[str, str], progress: Progress) -> None:
        """Make sure that each of `texts`, by hash, has a vector. Each batch is kept when it is done, so
        that a job which is run again goes on where it was. Raises what `progress` and the model raise.
        """
        async with self._db.read() as conn:
            known = await vectors.get_many(conn, owner_id, self._model_id, list(texts))
        # Of like length together: the longest of a batch decides what it costs.
        wanted = sorted(texts.keys() - known.keys(), key=lambda text_hash: (len(texts[text_hash]), text_hash))
        await progress(0, len(wanted))
        for start in range(0, len(wanted), BATCH):
            hashes = wanted[start : start + BATCH]
            endpoint = await self._endpoint()
            rows = await endpoint.embed([texts[text_hash] for text_hash in hashes])
            new = {text_hash: to_stored(row) for text_hash, row in zip(hashes, rows, strict=True)}
            async with self._db.write() as conn:
                await vectors.put_many(conn, owner_id, self._model_id, new)
            await progress(start + len(hashes), len(wanted))
