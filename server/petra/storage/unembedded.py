"""Chunks without a vector of a model: which, how much text, and in which collections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, case, cast, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.collections import Collection
from petra.storage.rows import many
from petra.storage.tables import chunks, collections, documents, vectors


async def ids(
    conn: AsyncConnection, collection: Collection, model_id: str, limit: int, first: Sequence[str] = ()
) -> list[int]:
    """Chunks of a collection that have no vector: those of the documents `first`, then those of the files
    that were changed last."""
    changed = func.coalesce(documents.c.mtime_ns, documents.c.created_at * 1e9)
    order = (case((documents.c.id.in_(first), 0), else_=1), changed.desc(), chunks.c.id)
    query = _missing(select(chunks.c.id), collection, model_id).order_by(*order).limit(limit)
    return list(await conn.scalars(query))


async def size(conn: AsyncConnection, collection: Collection, model_id: str) -> int:
    """How much text of a collection has no vector, in bytes."""
    is_sqlite = conn.dialect.name == "sqlite"
    # Neither has the other's name for it.
    bytes_ = func.length(cast(chunks.c.text, LargeBinary)) if is_sqlite else func.octet_length(chunks.c.text)
    return int(await conn.scalar(_missing(select(func.sum(bytes_)), collection, model_id)) or 0)


async def in_collections(conn: AsyncConnection, model_id: str) -> list[Collection]:
    """Collections whose newest chunk has no vector."""
    newest = (
        select(chunks.c.id)
        .where(chunks.c.collection_id == collections.c.id, chunks.c.deleted_revision.is_(None))
        .order_by(chunks.c.revision.desc(), chunks.c.id.desc())
        .limit(1)
        .correlate(collections)
        .scalar_subquery()
    )
    bare = exists().where(chunks.c.id == newest, ~_has_vector(collections.c.owner_id, model_id))
    return many(Collection, await conn.execute(select(collections).where(bare)))


def _missing(
    query: Select[*tuple[Any, ...]], collection: Collection, model_id: str
) -> Select[*tuple[Any, ...]]:
    return query.join(documents, documents.c.id == chunks.c.document_id).where(
        chunks.c.collection_id == collection.id,
        chunks.c.deleted_revision.is_(None),
        documents.c.state == "ready",
        ~_has_vector(collection.owner_id, model_id),
    )


def _has_vector(owner_id: Any, model_id: str) -> ColumnElement[bool]:
    found = exists().where(
        vectors.c.owner_id == owner_id,
        vectors.c.model_id == model_id,
        vectors.c.text_hash == chunks.c.text_hash,
    )
    return found.correlate(chunks, collections)
