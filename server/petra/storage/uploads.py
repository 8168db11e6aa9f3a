"""Uploads: the row of a blob. It is written after the blob is durable, so that no row lacks its bytes."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import now
from petra.storage.tables import uploads


@dataclass(frozen=True)
class Upload:
    """A file that a person gave. `filename` is theirs and only shown; the blob is found by `id`."""

    id: str
    owner_id: str
    filename: str
    size: int
    sha256: str
    media_type: str
    created_at: float


async def add(
    conn: AsyncConnection,
    *,
    id: str,
    owner_id: str,
    filename: str,
    size: int,
    sha256: str,
    media_type: str,
) -> Upload:
    """Record a blob that `Blobs.put` has stored under `id`."""
    upload = Upload(id, owner_id, filename, size, sha256, media_type, now())
    await conn.execute(insert(uploads), asdict(upload))
    return upload


async def all_ids(conn: AsyncConnection) -> list[str]:
    """Ids of all uploads, for sweeping blobs that lost the race with a crash."""
    return list(await conn.scalars(select(uploads.c.id)))


async def remove(conn: AsyncConnection, id: str) -> None:
    """Delete the row. Delete the blob after this is committed, never before."""
    await conn.execute(delete(uploads).where(uploads.c.id == id))
