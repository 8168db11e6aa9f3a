"""Documents by their path, or the end of it that people say: `lab.c` for `week3/lab.c`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.documents import Document
from petra.storage.rows import many, one
from petra.storage.tables import documents


async def at(conn: AsyncConnection, collection_id: str, path: str) -> Document | None:
    """The document of a collection at this path, relative to the collection's root."""
    query = select(documents).where(
        documents.c.collection_id == collection_id,
        documents.c.path == path,
        documents.c.deleted_revision.is_(None),
    )
    return one(Document, await conn.execute(query.order_by(documents.c.revision.desc()).limit(1)))


async def ending_with(
    conn: AsyncConnection, collection_ids: Sequence[str], path: str, limit: int
) -> list[Document]:
    """Documents of these collections that are ready and whose path is `path` or ends with it as whole
    names, the shortest path first."""
    query = select(documents).where(
        documents.c.collection_id.in_(collection_ids),
        or_(documents.c.path == path, documents.c.path.endswith(f"/{path}", autoescape=True)),
        documents.c.deleted_revision.is_(None),
        documents.c.state == "ready",
    )
    shortest = query.order_by(func.length(documents.c.path), documents.c.path, documents.c.id)
    return many(Document, await conn.execute(shortest.limit(limit)))
