"""From rows to an index: what has changed since its watermark, read and applied in portions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from petra.errors import NotFound
from petra.knowledge.blocks import embedded_text
from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.engine import Ints
from petra.knowledge.index.entry import Entry, Vector
from petra.knowledge.index.stored import Similarity, from_stored
from petra.storage import chunks, collections, documents, vectors
from petra.storage.chunks import MIXED_BELOW, MIXED_BY, MIXED_INTO, Chunk
from petra.storage.database import Database
from petra.storage.rows import batches

PORTION = 2000
"""Chunks that are read and applied at once: their texts are all of the rows that is in memory."""

Static = Callable[[Sequence[str]], Vector]
"""Texts to float32 (n, d), of length 1."""


@dataclass(frozen=True)
class Follower:
    """Brings indexes to the rows, for the vectors of one model."""

    db: Database
    model_id: str
    similarity: Similarity
    static: Static | None

    async def follow(self, collection_id: str, index: CollectionIndex, *, check: bool = False) -> bool:
        """Apply what has changed since the index's watermark. Returns whether it then holds the chunks
        that are alive, as far as that was to be checked. Raises NotFound.

        A change of few chunks becomes visible all at once.
        """
        revision, after = index.watermark, None
        while True:
            async with self.db.read() as conn:
                collection = await collections.get(conn, collection_id)
                if collection is None:
                    raise NotFound("The collection is gone", cause="It was removed meanwhile")
                if collection.revision < index.watermark:
                    return False
                added = await chunks.added_since(conn, collection_id, revision, after=after, limit=PORTION)
                last = len(added) < PORTION
                removed = await chunks.deleted_since(conn, collection_id, index.watermark) if last else []
                hashes = [chunk.text_hash for chunk in added]
                stored = await vectors.get_many(conn, collection.owner_id, self.model_id, hashes)
                of = await documents.get_many(conn, list({chunk.document_id for chunk in added}))
                alive = await chunks.fingerprint(conn, collection_id) if check and last else None
            paths = {id: document.path for id, document in of.items()}
            entries = await asyncio.to_thread(self._entries, added, paths, stored)
            # Until all is there, it has not come further than it was: what fails half way is done again.
            watermark = collection.revision if last else index.watermark
            await asyncio.to_thread(index.apply, entries, removed, watermark)
            if last:
                return alive is None or alive == await asyncio.to_thread(_fingerprint, index)
            revision, after = added[-1].revision, added[-1].id

    async def late(self, collection_id: str, index: CollectionIndex, hashes: Collection[str] | None) -> None:
        """Take up vectors that have come since their chunks did: of the texts with these hashes, or of
        any that are missing."""
        if not index.missing:
            return
        wanted = await asyncio.to_thread(index.missing.hashes) if hashes is None else list(hashes)
        for some in batches(wanted, PORTION):
            async with self.db.read() as conn:
                collection = await collections.get(conn, collection_id)
                if collection is None:
                    return
                stored = await vectors.get_many(conn, collection.owner_id, self.model_id, some)
            await asyncio.to_thread(self._arrive, index, stored)

    def _arrive(self, index: CollectionIndex, stored: Mapping[str, bytes]) -> None:
        index.arrive(from_stored(stored, self.similarity))

    async def make_static(self, index: CollectionIndex, chunk_ids: Sequence[int]) -> None:
        """Make the static vectors of some chunks again: they are in memory only, and gone after a start."""
        async with self.db.read() as conn:
            rows = await chunks.get_many(conn, chunk_ids)
        if rows and self.static:
            await asyncio.to_thread(self._make_static, index, rows, self.static)

    def _make_static(self, index: CollectionIndex, rows: Sequence[Chunk], static: Static) -> None:
        made = static([embedded_text(row.header, row.text) for row in rows])
        index.add_static({row.id: vector for row, vector in zip(rows, made, strict=True)})

    def _entries(
        self, added: Sequence[Chunk], paths: Mapping[str, str], stored: Mapping[str, bytes]
    ) -> list[Entry]:
        compared = from_stored(stored, self.similarity)
        texts = {chunk.id: embedded_text(chunk.header, chunk.text) for chunk in added}
        rough: dict[int, Vector] = {}
        if self.static:
            wanting = [chunk.id for chunk in added if chunk.text_hash not in compared]
            made = self.static([texts[id] for id in wanting]) if wanting else ()
            rough = dict(zip(wanting, made, strict=True))
        return [
            Entry(
                chunk_id=chunk.id,
                document_id=chunk.document_id,
                path=paths.get(chunk.document_id, ""),
                text=texts[chunk.id],
                text_hash=chunk.text_hash,
                vector=compared.get(chunk.text_hash),
                static=rough.get(chunk.id),
            )
            for chunk in added
        ]


def _fingerprint(index: CollectionIndex) -> tuple[int, int]:
    """As `chunks.fingerprint`, of the chunks in an index."""
    ids: Ints = index.chunk_ids()
    return len(ids), int(np.sum(ids % MIXED_BELOW * MIXED_BY % MIXED_INTO))
