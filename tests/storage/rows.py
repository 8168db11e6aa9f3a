"""Rows as publishing leaves them, for tests that begin with some."""

from __future__ import annotations

from collections.abc import Sequence

from petra.storage import chunks
from petra.storage.chunks import NewChunk
from petra.storage.database import Connection


async def put_chunks(
    conn: Connection, document_id: str, collection_id: str, new: Sequence[NewChunk], revision: int
) -> list[int]:
    """Make `new` the chunks of a document, and give their ids in the same order."""
    await chunks.delete(conn, [document_id], revision)
    await chunks.add(conn, collection_id, [(document_id, chunk) for chunk in new], revision)
    return sorted(chunk.id for chunk in await chunks.of_document(conn, document_id))
