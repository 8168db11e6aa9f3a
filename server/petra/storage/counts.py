"""Counting what there is, for the one who asks how it is."""

from __future__ import annotations

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.tables import chunks, documents, vectors


async def documents_by_state(conn: AsyncConnection, collection_id: str) -> dict[str, int]:
    """How many documents of a collection are in each state."""
    query = (
        select(documents.c.state, func.count())
        .where(documents.c.collection_id == collection_id, documents.c.deleted_revision.is_(None))
        .group_by(documents.c.state)
    )
    return {str(state): int(count) for state, count in await conn.execute(query)}


async def embedded(
    conn: AsyncConnection, collection_id: str, owner_id: str, model_id: str
) -> tuple[int, int]:
    """The chunks of a collection, and how many of them have a vector of this model."""
    own = and_(
        vectors.c.owner_id == owner_id,
        vectors.c.model_id == model_id,
        vectors.c.text_hash == chunks.c.text_hash,
    )
    query = (
        select(func.count(), func.count(vectors.c.text_hash))
        .select_from(chunks.outerjoin(vectors, own))
        .where(chunks.c.collection_id == collection_id, chunks.c.deleted_revision.is_(None))
    )
    row = (await conn.execute(query)).one()
    return int(row[0]), int(row[1])
