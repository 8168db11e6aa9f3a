"""Vectors by what they embed: (owner, model, hash of the text). A rename or a revert finds them again,
and nobody learns from speed what another person owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import BATCH, batches
from petra.storage.tables import vectors


async def get_many(
    conn: AsyncConnection, owner_id: str, model_id: str, hashes: Sequence[str]
) -> dict[str, bytes]:
    """The vectors that exist, by hash: float16, little-endian, one after another."""
    found: dict[str, bytes] = {}
    for some in batches(list(dict.fromkeys(hashes))):
        query = select(vectors.c.text_hash, vectors.c.vector).where(
            vectors.c.owner_id == owner_id,
            vectors.c.model_id == model_id,
            vectors.c.text_hash.in_(some),
        )
        found |= {row.text_hash: row.vector for row in await conn.execute(query)}
    return found


async def put_many(conn: AsyncConnection, owner_id: str, model_id: str, new: Mapping[str, bytes]) -> None:
    """Keep vectors by hash; one that is there already stays as it is."""
    # Both dialects have the clause, and SQLAlchemy no common name for it.
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    for some in batches(list(new.items())):
        await conn.execute(
            insert(vectors).on_conflict_do_nothing(),
            [
                {"owner_id": owner_id, "model_id": model_id, "text_hash": text_hash, "vector": vector}
                for text_hash, vector in some
            ],
        )


async def models(conn: AsyncConnection) -> list[str]:
    """The models that there are vectors of."""
    return list(await conn.scalars(select(vectors.c.model_id).distinct()))


async def remove_some(conn: AsyncConnection, model_id: str) -> tuple[int, int]:
    """Remove some of a model's vectors, and say how many and how many bytes; 0: there are no more."""
    key = (vectors.c.owner_id, vectors.c.model_id, vectors.c.text_hash)
    query = (
        select(*key, func.length(vectors.c.vector)).where(vectors.c.model_id == model_id).limit(BATCH // 2)
    )
    rows = [tuple(row) for row in await conn.execute(query)]
    if rows:
        await conn.execute(delete(vectors).where(tuple_(*key).in_([row[:3] for row in rows])))
    return len(rows), sum(row[3] for row in rows)
