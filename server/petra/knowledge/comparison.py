"""Two versions of the index, asked the same questions: passages, by their own first words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from petra.errors import ModelUnavailable
from petra.knowledge.space import Space
from petra.storage import chunks, collections
from petra.storage.chunks import Chunk
from petra.storage.database import Database

QUERIES = 24
WORDS = 16
DEPTH = 10
MARGIN = 0.2
"""Part of the queries by which a version may find less and still be taken: another model, other answers."""


@dataclass(frozen=True)
class Comparison:
    """Of `queries` passages the versions had among their first ten by meaning `found_old` and `found_new`;
    `shared` is the mean part of the first ten that both have."""

    queries: int
    found_old: int
    found_new: int
    shared: float

    @property
    def worse(self) -> bool:
        """Whether the new one should not be taken."""
        return self.found_new < self.found_old - MARGIN * self.queries

    def as_values(self) -> dict[str, float]:
        """As JSON values."""
        return asdict(self)


async def compare(db: Database, old: Space, new: Space) -> Comparison:
    """Ask both. An old one whose model is away answers nobody, so there is nothing to be worse than. Raises
    ModelUnavailable when the new one's model is away."""
    asked = await _passages(db)
    texts = [" ".join(_words(row.text)[:WORDS]) for row in asked]
    if not asked:
        return Comparison(0, 0, 0, 1.0)
    second = await _answers(new, asked, texts)
    try:
        first = await _answers(old, asked, texts)
    except ModelUnavailable:
        return Comparison(0, 0, 0, 1.0)
    # The same text may stand in several places, and any of them is right.
    equal = {row.id: row.text_hash for row in await _rows(db, [*first, *second])}
    found = [
        sum(row.text_hash in {equal.get(id) for id in ids} for row, ids in zip(asked, answers, strict=True))
        for answers in (first, second)
    ]
    shared = [len(set(a) & set(b)) / max(len(a), len(b), 1) for a, b in zip(first, second, strict=True)]
    return Comparison(len(asked), found[0], found[1], round(sum(shared) / len(shared), 3))


async def _passages(db: Database) -> list[Chunk]:
    """Some passages, the same ones each time, from all over."""
    async with db.read() as conn:
        ids: list[int] = []
        for collection in await collections.everybodys(conn):
            ids += await chunks.alive_ids(conn, collection.id)
        ids.sort()
        chosen = await chunks.get_many(conn, ids[:: max(1, len(ids) // QUERIES)][:QUERIES])
    return [row for row in chosen if _words(row.text)]


async def _rows(db: Database, answers: Sequence[Sequence[int]]) -> list[Chunk]:
    async with db.read() as conn:
        return await chunks.get_many(conn, [id for ids in answers for id in ids])


async def _answers(space: Space, asked: Sequence[Chunk], texts: Sequence[str]) -> list[list[int]]:
    """The chunks nearest to each text, within the collection that it is from."""
    endpoint = await space.query()
    rows = await endpoint.embed(list(texts))
    found = []
    for row, text, vector in zip(asked, texts, rows, strict=True):
        candidates = await space.indexes.search(text, vector, [row.collection_id], DEPTH)
        found.append([id for id, _ in candidates.dense[:DEPTH]])
    return found


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
