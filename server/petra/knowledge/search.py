"""A question to passages: by meaning and by words, within what the caller may read."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge import rank
from petra.knowledge.extract import sniff
from petra.knowledge.index import Indexes
from petra.knowledge.index.entry import Vector
from petra.knowledge.space import Space
from petra.messages import PlaceUnit
from petra.storage import chunks, collections, documents
from petra.storage.chunks import Chunk
from petra.storage.database import Database
from petra.storage.documents import Document
from petra.telemetry import logger

log = logger("petra.knowledge.search")

DEPTH = 100
"""Candidates by meaning and by words that are ranked together."""


@dataclass(frozen=True)
class Passage:
    """A passage that fits a query. `document` is the title shown. `score` in [0, 1] orders the passages
    of one search, and of no other; `dense` (the similarity of meaning) and `lexical` (its part of the
    best BM25) are None where they are not known. `unit` is what its pages are called when not pages."""

    chunk_id: int
    document_id: str
    collection_id: str
    document: str
    path: str
    header: str
    text: str
    pages: tuple[int, int] | None
    lines: tuple[int, int] | None
    score: float
    dense: float | None
    lexical: float | None
    unit: PlaceUnit | None = None

    @property
    def relevance(self) -> float:
        """How likely it has to do with the query at all, to compare with RERANK_THRESHOLD: the
        similarity of meaning, which does not depend on what else was found. Where that is unknown
        (the embedder is away), what was found by its words counts as relevant."""
        return 1.0 if self.dense is None else self.dense


class Searcher:
    """Searches collections. Which of them a caller may read is decided before; that a passage is in one
    of them is checked again here, against the rows."""

    def __init__(
        self,
        db: Database,
        indexes: Indexes,
        embed_query: Callable[[], Awaitable[ModelEndpoint]],
    ) -> None:
        self._db = db
        self._indexes = indexes
        self._embed_query = embed_query

    def switch(self, space: Space) -> None:
        """Search in another version of the index from now on."""
        self._indexes, self._embed_query = space.indexes, space.query

    async def search(
        self, query: str, collection_ids: Sequence[str], k: int, path: str | None = None
    ) -> list[Passage]:
        """The `k` best passages, best first. `path` limits them to a file or folder: relative to a
        collection's root, or absolute.

        While the embedder is away, words alone decide.
        """
        if not collection_ids or not query.strip():
            return []
        indexes = self._indexes  # before the vector: it has to be of the same version
        vector = await self._vector(query)
        within = None if path is None else await self._within(collection_ids, path)
        found = await indexes.search(query, vector, collection_ids, max(DEPTH, 4 * k), within)
        ranked = rank.fuse(found.dense, found.lexical)
        allowed = set(collection_ids)
        async with self._db.read() as conn:
            rows = await chunks.get_many(conn, [id for id, _ in ranked])
            best = rank.distinct((row.text_hash, row) for row in rows if row.collection_id in allowed)[:k]
            of = await documents.get_many(conn, [row.document_id for row in best])
        scores, meaning, words = dict(ranked), dict(found.dense), dict(found.lexical)
        most = max(words.values(), default=1.0) or 1.0
        return [
            _passage(row, document, scores[row.id], meaning.get(row.id), words.get(row.id, 0.0) / most)
            for row in best
            if (document := of.get(row.document_id))
        ]

    async def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors of `texts`, float32 (n, d), of length 1. Raises ModelUnavailable."""
        endpoint = await self._embed_query()
        rows = await endpoint.embed(list(texts))
        return await asyncio.to_thread(_of_length_one, rows)

    async def _vector(self, query: str) -> Vector | None:
        try:
            endpoint = await self._embed_query()
            vector: Vector = (await endpoint.embed([query]))[0]
            return vector
        except ModelUnavailable as error:
            log.warning("search_by_words_only", cause=error.cause)
            return None

    async def _within(self, collection_ids: Sequence[str], path: str) -> dict[str, Collection[str]]:
        """The documents at or below `path`, by collection."""
        found: dict[str, Collection[str]] = {}
        async with self._db.read() as conn:
            for id in collection_ids:
                collection = await collections.get(conn, id)
                below = path_below(path, collection.root if collection else None)
                if below is None:
                    found[id] = ()
                    continue
                listed = await documents.list_in(conn, id)
                found[id] = [item.id for item in listed if is_below(item.path, below)]
        return found


def path_below(path: str, root: str | None) -> str | None:
    """`path` relative to a collection's root ("" for all of it), or None when it lies elsewhere."""
    given = PurePath(path)
    if not given.is_absolute():
        relative = posixpath.normpath(given.as_posix())
        return "" if relative == "." else relative
    if root is None:
        return None
    normal, base = PurePath(posixpath.normpath(given.as_posix())), PurePath(root)
    if base.is_relative_to(normal):
        return ""
    return normal.relative_to(base).as_posix() if normal.is_relative_to(base) else None


def is_below(path: str, folder: str) -> bool:
    """Whether a document's path is `folder` or below it."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def _passage(row: Chunk, document: Document, score: float, dense: float | None, lexical: float) -> Passage:
    return Passage(
        chunk_id=row.id,
        document_id=row.document_id,
        collection_id=row.collection_id,
        document=document.title,
        path=document.path,
        header=row.header,
        text=row.text,
        pages=row.pages,
        lines=row.lines,
        score=round(score, 4),
        dense=None if dense is None else round(dense, 4),
        lexical=round(lexical, 4),
        unit=sniff.unit(document.media_type),
    )


def _of_length_one(rows: Vector) -> Vector:
    if not rows.size:
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vector = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return unit
