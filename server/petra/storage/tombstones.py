"""Tombstones: the rows of what was deleted, which tell the caches, until all of them have seen it."""

from __future__ import annotations

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import BATCH
from petra.storage.tables import chunks, documents


async def remove(conn: AsyncConnection, collection_id: str, revision: int) -> int:
    """Remove some of those that are not newer than `revision`, and say how many; 0: there are no more.
    Ids are never given out again, so nothing is mistaken for what was removed."""
    passages = (
        select(chunks.c.id)
        .where(chunks.c.collection_id == collection_id, chunks.c.deleted_revision <= revision)
        .limit(BATCH)
    )
    ids = list(await conn.scalars(passages))
    if ids:
        await conn.execute(delete(chunks).where(chunks.c.id.in_(ids)))
        return len(ids)
    empty = (
        select(documents.c.id)
        .where(
            documents.c.collection_id == collection_id,
            documents.c.deleted_revision <= revision,
            ~exists().where(chunks.c.document_id == documents.c.id),
        )
        .limit(BATCH)
    )
    files = list(await conn.scalars(empty))
    if files:
        await conn.execute(delete(documents).where(documents.c.id.in_(files)))
    return len(files)
