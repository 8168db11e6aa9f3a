"""All collections' indexes, kept up to date with the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from petra.errors import NotFound
from petra.knowledge.blocks import embedded_text
from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.entry import Candidates, Entry, Vector
from petra.storage import chunks, collections, documents, vectors
from petra.storage.chunks import Chunk
from petra.storage.database import Database
from petra.storage.rows import batches
from petra.telemetry import logger

log = logger("petra.knowledge.index")

STORED = np.dtype("<f2")
PORTION = 500
"""Chunks that get a static vector in one go."""

Static = Callable[[Sequence[str]], Vector]
"""Texts to float32 (n, d), of length 1."""


class Indexes:
    """The indexes below `root`, for the vectors of one model. Nothing here is the truth: delete the
    folder, and the next search brings it back from the rows. `similarity` is how vectors are compared:
    "cosine" brings them to length 1, "dot" takes them as the model gives them. `static` makes vectors of
    another space at once, in a thread, for chunks that are not embedded yet: they are held in memory and
    go when the chunk's own vector comes."""

    def __init__(
        self,
        db: Database,
        root: Path,
        model_id: str,
        similarity: Literal["cosine", "dot"] = "cosine",
        static: Static | None = None,
    ) -> None:
        self._db = db
        self._root = root
        self._model_id = model_id
        self._cosine = similarity == "cosine"
        self._space = f"{model_id} {similarity}"
        self._static = static
        self._open: dict[str, CollectionIndex] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def refresh(self, collection_id: str, *, settle: bool = False) -> int:
        """Bring a collection's index to its revision and return that. `settle` says that a job has
        ended, a good moment to write the index to disk. Raises NotFound."""
        async with self._lock(collection_id):
            index = await self._current(collection_id)
            await asyncio.to_thread(index.settle, soon=settle)
            return index.watermark

    async def search(
        self,
        query: str,
        vector: Vector | None,
        collection_ids: Sequence[str],
        limit: int,
        within: Mapping[str, Collection[str]] | None = None,
    ) -> Candidates:
        """The best `limit` chunks by meaning and as many by words, over these collections.

        `vector` is the query's, as the model gave it; without one only words count. `within` gives, by
        collection, the ids of the documents to which the search is limited. Collections that are gone
        are left out.
        """
        found = Candidates()
        rough: Vector | None = None
        if vector is not None:
            vector = as_compared(vector, cosine=self._cosine)
        for collection_id in collection_ids:
            index = await self._fresh(collection_id)
            if index is None:
                continue
            if rough is None and self._static and index.has_static:
                rough = (await asyncio.to_thread(self._static, [query]))[0]
            documents = None if within is None else within.get(collection_id, ())
            some = await asyncio.to_thread(index.search, query, vector, limit, documents, rough)
            found = found.merged(some, limit)
        return found

    async def missing(self, collection_id: str) -> Mapping[int, str]:
        """Chunks that are not embedded with this model, with the hash of their text."""
        index = await self._fresh(collection_id)
        return index.missing if index else {}

    async def close(self) -> None:
        """Write what is worth it and give up the working copies."""
        for collection_id in list(self._open):
            async with self._lock(collection_id):
                if index := self._open.pop(collection_id, None):
                    await asyncio.to_thread(index.settle, soon=True)
                    await asyncio.to_thread(index.close)

    async def _fresh(self, collection_id: str) -> CollectionIndex | None:
        """The index, at the collection's revision as of now."""
        async with self._db.read() as conn:
            collection = await collections.get(conn, collection_id)
        if collection is None:
            return None
        index = self._open.get(collection_id)
        if index is None or index.watermark != collection.revision:
            try:
                async with self._lock(collection_id):
                    index = await self._current(collection_id)
            except NotFound:
                return None
        return index

    async def _current(self, collection_id: str) -> CollectionIndex:
        """The index, opened if need be, after all changes. Call it with the lock."""
        index = self._open.get(collection_id)
        opened = index is None
        if index is None:
            index = CollectionIndex(self._root / collection_id, self._space)
            await asyncio.to_thread(index.open)
        try:
            if not await self._follow(collection_id, index, check=opened):
                # The rows are not those it was made from: a database that was restored, for example.
                await asyncio.to_thread(index.reset)
                await self._follow(collection_id, index)
        except (OSError, ValueError) as error:
            # tantivy gives a full or failing disk as ValueError. Memory will do until the next start.
            log.warning("index_in_memory", collection=collection_id, error=type(error).__name__)
            await asyncio.to_thread(index.reset, in_memory=True)
            await self._follow(collection_id, index)
        await self._fill_static(index)
        self._open[collection_id] = index
        return index

    async def _fill_static(self, index: CollectionIndex) -> None:
        """Make the static vectors that are wanting: of new chunks, and after a start of all that are not
        embedded."""
        if self._static is None or not index.missing:
            return
        wanting = await asyncio.to_thread(lambda: index.without_any)
        for ids in batches(wanting, PORTION):
            async with self._db.read() as conn:
                rows = await chunks.get_many(conn, ids)
            if rows:
                await asyncio.to_thread(_add_static, index, rows, self._static)

    async def _follow(self, collection_id: str, index: CollectionIndex, *, check: bool = False) -> bool:
        """Apply what has changed since the index's watermark. Returns whether it then holds the chunks
        that are alive, as far as that was to be checked."""
        async with self._db.read() as conn:
            collection = await collections.get(conn, collection_id)
            if collection is None:
                raise NotFound("The collection is gone", cause="It was removed meanwhile")
            if collection.revision < index.watermark:
                return False
            added = await chunks.added_since(conn, collection_id, index.watermark)
            removed = await chunks.deleted_since(conn, collection_id, index.watermark)
            hashes = [*index.missing.values(), *(chunk.text_hash for chunk in added)]
            stored = await vectors.get_many(conn, collection.owner_id, self._model_id, hashes)
            late = [id for id, text_hash in index.missing.items() if text_hash in stored]
            added += await chunks.get_many(conn, late)
            paths = {}
            if added:
                paths = {item.id: item.path for item in await documents.list_in(conn, collection_id)}
            alive = await chunks.alive_ids(conn, collection_id) if check else None
        entries = await asyncio.to_thread(_entries, added, paths, stored, cosine=self._cosine)
        await asyncio.to_thread(index.apply, entries, removed, collection.revision)
        return alive is None or alive == await asyncio.to_thread(index.chunk_ids)

    def _lock(self, collection_id: str) -> asyncio.Lock:
        return self._locks.setdefault(collection_id, asyncio.Lock())


def _entries(
    added: Sequence[Chunk], paths: Mapping[str, str], stored: Mapping[str, bytes], *, cosine: bool
) -> list[Entry]:
    return [
        Entry(
            chunk_id=chunk.id,
            document_id=chunk.document_id,
            path=paths.get(chunk.document_id, ""),
            text=embedded_text(chunk.header, chunk.text),
            text_hash=chunk.text_hash,
            vector=from_stored(stored[chunk.text_hash], cosine=cosine) if chunk.text_hash in stored else None,
        )
        for chunk in added
    ]


def _add_static(index: CollectionIndex, rows: Sequence[Chunk], static: Static) -> None:
    entries = _entries(rows, {}, {}, cosine=True)
    made = static([entry.text for entry in entries])
    index.add_static([replace(e, static=row) for e, row in zip(entries, made, strict=True)])


def from_stored(vector: bytes, *, cosine: bool) -> Vector:
    """A vector as it is compared, from its row."""
    return as_compared(np.frombuffer(vector, STORED).astype(np.float32), cosine=cosine)


def as_compared(vector: Vector, *, cosine: bool) -> Vector:
    """A vector that the inner product compares as wanted, in the precision of the segments."""
    length = float(np.linalg.norm(vector)) if cosine else 0.0
    return (vector / length if length else vector).astype(STORED).astype(np.float32)


def to_stored(vector: Vector) -> bytes:
    """A vector for its row, as the model gave it: float16, little-endian."""
    return vector.astype(STORED).tobytes()
