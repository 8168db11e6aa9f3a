"""A question to passages: by meaning and by words, within what the caller may read."""

from __future__ import annotations

import asyncio
import posixpath
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from petra.errors import Busy, ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge import ranking
from petra.knowledge.blocks import embedded_text
from petra.knowledge.index import Indexes
from petra.knowledge.index.entry import Candidates, Vector
from petra.knowledge.passage import Passage, passage
from petra.knowledge.query_vectors import PATIENCE, QueryVectors
from petra.knowledge.ranking import Defined, Factors, Query, Ranked, Row, contents, copies, fusion, second
from petra.knowledge.reranking import MOST, Reranker
from petra.knowledge.space import Space
from petra.storage import candidates, collections, documents
from petra.storage.candidates import Candidate
from petra.storage.database import Database

__all__ = ["Passage", "Searcher", "is_below", "path_below"]

DEPTH = 64
"""Candidates by meaning and by words that are ranked together."""
SPARE = 8
"""Passages whose text is read besides those wanted: some fall out as copies."""
MOST_DEFINITIONS = 40
RESULTS_KEPT = 128


@dataclass(frozen=True)
class _Asked:
    """One search; the same one of the same revisions has the same result, once all is embedded."""

    query: str
    k: int
    path: str | None
    revisions: tuple[tuple[str, int], ...]
    factors: Factors


class Searcher:
    """Searches collections. Which of them a caller may read is decided before; that a passage is in one
    of them is checked again here, against the rows. `factors` switches parts of the ranker off, and
    `patience` is how many seconds a search waits for the vector of its query. With a `reranker`, the first
    passages get a second look."""

    def __init__(
        self,
        db: Database,
        indexes: Indexes,
        embed_query: Callable[[], Awaitable[ModelEndpoint]],
        *,
        patience: float = PATIENCE,
        reranker: Reranker | None = None,
    ) -> None:
        self._db = db
        self._patience = patience
        self._reranker = reranker
        self.factors = Factors()
        self._use(indexes, embed_query)

    def switch(self, space: Space) -> None:
        """Search in another version of the index from now on."""
        self._use(space.indexes, space.query)

    def forget(self, collection_id: str) -> None:
        """Keep no result that has passages of this collection."""
        for asked in [key for key in self._results if any(id == collection_id for id, _ in key.revisions)]:
            del self._results[asked]

    def _use(self, indexes: Indexes, embed_query: Callable[[], Awaitable[ModelEndpoint]]) -> None:
        self._indexes, self._embed_query = indexes, embed_query
        # New ones, because a vector or a result of the model before may still be on its way.
        self._vectors = QueryVectors(embed_query, self._patience)
        self._results: OrderedDict[_Asked, list[Passage]] = OrderedDict()

    async def search(
        self, query: str, collection_ids: Sequence[str], k: int, path: str | None = None
    ) -> list[Passage]:
        """The `k` best passages, best first. `path` limits them to a file or folder: relative to a
        collection's root, or absolute.

        While the embedder is away or slow, words and static vectors decide.
        """
        # Without a word, everything is equally near, and the first would be as good as found.
        if not collection_ids or not any(char.isalnum() for char in query) or k < 1:
            return []
        # All of one version of the index, whatever is switched meanwhile.
        indexes, vectors, results = self._indexes, self._vectors, self._results
        vector = await vectors.of(query)
        async with self._db.read() as conn:
            revisions = await candidates.revisions(conn, collection_ids)
        asked = _Asked(query, k, path, revisions, self.factors)
        if vector is not None and (known := results.get(asked)) is not None:
            results.move_to_end(asked)
            return list(known)
        within = None if path is None else await self._within(collection_ids, path)
        there = [id for id, _ in revisions]
        lasts = vector is not None and indexes.complete(dict(revisions))
        found = await indexes.search(query, vector, there, max(DEPTH, k), within, dict(revisions))
        passages = await self._ranked(ranking.understand(query), found, collection_ids, k, within)
        if lasts:
            results[asked] = list(passages)
            while len(results) > RESULTS_KEPT:
                results.popitem(last=False)
        return passages

    async def compared(self, query: str, passages: Sequence[Passage]) -> list[Passage]:
        """`passages` with their similarity of meaning to `query`, also those that have no vector in the
        index yet: these are embedded now, a passage in about 20 ms. Unchanged where the embedder is away
        or takes too long."""
        new = [item for item in passages if item.dense is None]
        near = await self.near(query, [embedded_text(item.header, item.text) for item in new])
        if near is None:
            return list(passages)
        known = {item.chunk_id: round(value, 4) for item, value in zip(new, near, strict=True)}
        return [replace(item, dense=known.get(item.chunk_id, item.dense)) for item in passages]

    async def near(self, query: str, texts: Sequence[str]) -> list[float] | None:
        """The similarity of meaning of each of `texts` to `query`; None where the embedder is away or busy,
        or takes too long."""
        vector = await self._vectors.of(query) if texts else None
        if vector is None:
            return None
        try:
            rows = await asyncio.wait_for(self.embed(texts), self._patience)
        except (ModelUnavailable, Busy, TimeoutError):
            return None
        found: list[float] = (rows @ _of_length_one(vector[None])[0]).tolist()
        return found

    async def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors of `texts`, float32 (n, d), of length 1. Raises ModelUnavailable and Busy."""
        endpoint = await self._embed_query()
        rows = await endpoint.embed(list(texts))
        return await asyncio.to_thread(_of_length_one, rows)

    async def close(self) -> None:
        """Wait for no vector any more."""
        await self._vectors.close()

    async def _ranked(
        self,
        query: Query,
        found: Candidates,
        collection_ids: Sequence[str],
        k: int,
        within: Mapping[str, Collection[str]] | None,
    ) -> list[Passage]:
        """The candidates in the ranker's order, as passages."""
        ids = {id for some in (found.dense, found.static, found.lexical) for id, _ in some}
        names = [name.name for name in query.names] if self.factors.definition else []
        allowed = set(collection_ids)
        async with self._db.read() as conn:
            defined = await candidates.defining(conn, names, collection_ids, MOST_DEFINITIONS)
            read = await candidates.get_many(conn, [*ids, *{item.chunk_id for item in defined} - ids])
        rows = {
            item.id: item
            for item in read
            if item.collection_id in allowed
            and (within is None or item.document_id in within.get(item.collection_id, ()))
        }
        ranked = ranking.rank(
            query,
            fusion.by_meaning(ids, found.dense, found.static),
            fusion.by_words(ids, found.lexical),
            [_row(item) for item in rows.values()],
            [Defined(*item) for item in defined],
            self.factors,
        )
        best = chosen(ranked[: max(k, MOST if self._reranker else 0) + SPARE], rows, self.factors)
        if self._reranker:
            texts = [embedded_text(rows[item.row.id].header, rows[item.row.id].text) for item in best]
            best = second.reordered(best, await self._reranker.scores(query.text, texts))
        meaning, words = dict(found.dense), dict(found.lexical)
        most = max(words.values(), default=1.0) or 1.0
        return [
            passage(
                rows[item.row.id],
                item.score,
                meaning.get(item.row.id),
                words.get(item.row.id, 0.0) / most,
                item.why,
            )
            for item in best[:k]
        ]

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


def chosen(ranked: Sequence[Ranked], rows: Mapping[int, Candidate], factors: Factors) -> list[Ranked]:
    """What the texts themselves say of the order: lists of contents come later, copies fall out."""
    found = list(ranked)
    if factors.contents:
        contents.lessen(found, {item.row.id: rows[item.row.id].text for item in found})
    if factors.copies:
        return copies.distinct((item, rows[item.row.id].text) for item in found)
    return found


def _row(found: Candidate) -> Row:
    return Row(
        id=found.id,
        document_id=found.document_id,
        collection_id=found.collection_id,
        path=found.path,
        source=found.media_type == "text/x-source",
        note=found.media_type in ("text/markdown", "text/plain"),
        pages=found.pages,
        lines=found.lines,
    )


def _of_length_one(rows: Vector) -> Vector:
    if not rows.size:
        return rows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vector = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return unit
