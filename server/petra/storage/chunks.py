"""Chunks: the passages of a document, and what changed among them since a cache last looked.

A chunk never changes and its id is never used again. Deleting one leaves a mark with its id and the
revision, and nothing of its text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import BATCH, batches
from petra.storage.tables import chunks, documents

Span = tuple[int, int]

MIXED_BELOW, MIXED_BY, MIXED_INTO = 2**31, 2_654_435_761, 4_294_967_291
"""What `fingerprint` sums of each id: `id % MIXED_BELOW * MIXED_BY % MIXED_INTO`, within 64 bits."""


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A passage as the chunker makes it. `pages` and `lines` are first and last, from 1, inclusive.
    `text_hash` is the SHA-256, in hex, of what is embedded: the header, a newline and the text. The first
    `overlap` characters repeat the chunk before; `gap` is the blank text between that one and what follows
    the overlap."""

    ordinal: int
    header: str
    text: str
    pages: Span | None
    lines: Span | None
    text_hash: str
    overlap: int = 0
    gap: str = "\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage as it is stored."""

    id: int
    document_id: str
    collection_id: str
    revision: int
    deleted_revision: int | None
    ordinal: int
    header: str
    text: str
    pages: Span | None
    lines: Span | None
    text_hash: str
    overlap: int = 0
    gap: str = "\n"


async def add(
    conn: AsyncConnection, collection_id: str, new: Sequence[tuple[str, NewChunk]], revision: int
) -> None:
    """Add chunks, each with the id of its document, at the `revision` that `collections.bump` has given in
    this transaction, which is the one that makes their documents ready: a cache that has passed this revision
    does not look at these rows again."""
    for some in batches(new):
        rows = [_row(document_id, collection_id, revision, chunk) for document_id, chunk in some]
        await conn.execute(insert(chunks), rows)


async def delete(conn: AsyncConnection, document_ids: Sequence[str], revision: int) -> None:
    """Delete the chunks of documents, leaving marks."""
    for some in batches(document_ids):
        await conn.execute(
            update(chunks)
            .where(chunks.c.document_id.in_(some), chunks.c.deleted_revision.is_(None))
            .values(deleted_revision=revision, header="", text="", text_hash="", overlap=0, gap="")
        )


async def added_since(
    conn: AsyncConnection,
    collection_id: str,
    revision: int,
    *,
    after: int | None = None,
    limit: int | None = None,
) -> list[Chunk]:
    """Chunks that are alive and newer than `revision`, oldest first (0 gives all), at most `limit`.
    `after` goes on behind this chunk of `revision`.

    Together with `deleted_since`, in one `Database.read()`, it brings a cache from any revision to the
    one that the collection has in that read.
    """
    query = select(chunks).where(chunks.c.collection_id == collection_id, chunks.c.deleted_revision.is_(None))
    if after is None:
        query = query.where(chunks.c.revision > revision)
    else:
        query = query.where(tuple_(chunks.c.revision, chunks.c.id) > tuple_(revision, after))
    found: list[Chunk] = []
    # In portions: turning 100,000 rows into objects at once would hold the event loop.
    async with conn.stream(query.order_by(chunks.c.revision, chunks.c.id).limit(limit)) as rows:
        async for some in rows.mappings().partitions(BATCH):
            found += [_chunk(row) for row in some]
    return found


async def deleted_since(conn: AsyncConnection, collection_id: str, revision: int) -> list[int]:
    """Ids of the chunks that were deleted after `revision`; a cache may never have had some of them."""
    query = select(chunks.c.id).where(
        chunks.c.collection_id == collection_id, chunks.c.deleted_revision > revision
    )
    return await _ids(conn, query.order_by(chunks.c.id))


async def alive_ids(conn: AsyncConnection, collection_id: str) -> list[int]:
    """Ids of all chunks of a collection that are alive, ascending."""
    query = select(chunks.c.id).where(
        chunks.c.collection_id == collection_id, chunks.c.deleted_revision.is_(None)
    )
    return await _ids(conn, query.order_by(chunks.c.id))


async def fingerprint(conn: AsyncConnection, collection_id: str) -> tuple[int, int]:
    """How many chunks of a collection are alive, and the sum of their ids, mixed: equal for
    equal sets, and practically never for others. Read from the database's indexes alone, without a row."""
    mixed = func.sum(chunks.c.id % MIXED_BELOW * MIXED_BY % MIXED_INTO)
    query = select(func.count(chunks.c.id), mixed).where(chunks.c.collection_id == collection_id)
    all_of = (await conn.execute(query)).one()
    gone = (await conn.execute(query.where(chunks.c.deleted_revision.is_not(None)))).one()
    return int(all_of[0] - gone[0]), int(all_of[1] or 0) - int(gone[1] or 0)


async def of_document(
    conn: AsyncConnection, document_id: str, *, pages: Span | None = None, lines: Span | None = None
) -> list[Chunk]:
    """The chunks of a document, in reading order; with `pages` or `lines`, those that touch them."""
    query = select(chunks).where(chunks.c.document_id == document_id, chunks.c.deleted_revision.is_(None))
    if pages:
        query = query.where(chunks.c.first_page <= pages[1], chunks.c.last_page >= pages[0])
    if lines:
        query = query.where(chunks.c.first_line <= lines[1], chunks.c.last_line >= lines[0])
    rows = (await conn.execute(query.order_by(chunks.c.ordinal, chunks.c.id))).mappings()
    return [_chunk(row) for row in rows]


async def get_many(conn: AsyncConnection, ids: Sequence[int]) -> list[Chunk]:
    """Those of `ids` whose document is alive and ready, in the order given.

    This is the second check behind a search: what a cache still has but the rows no longer allow is
    left out here.
    """
    found: dict[int, Chunk] = {}
    for some in batches(list(dict.fromkeys(ids))):
        query = (
            select(chunks)
            .join(documents, documents.c.id == chunks.c.document_id)
            .where(
                chunks.c.id.in_(some),
                chunks.c.deleted_revision.is_(None),
                documents.c.deleted_revision.is_(None),
                documents.c.state == "ready",
            )
        )
        rows = (await conn.execute(query)).mappings()
        found |= {row["id"]: _chunk(row) for row in rows}
    return [found[id] for id in dict.fromkeys(ids) if id in found]


async def _ids(conn: AsyncConnection, query: Select[int]) -> list[int]:
    found: list[int] = []
    async with conn.stream_scalars(query) as rows:
        async for some in rows.partitions(10 * BATCH):
            found += some
    return found


def _row(document_id: str, collection_id: str, revision: int, chunk: NewChunk) -> dict[str, Any]:
    first_page, last_page = chunk.pages or (None, None)
    first_line, last_line = chunk.lines or (None, None)
    return {
        "document_id": document_id,
        "collection_id": collection_id,
        "revision": revision,
        "ordinal": chunk.ordinal,
        "header": chunk.header,
        "text": chunk.text,
        "first_page": first_page,
        "last_page": last_page,
        "first_line": first_line,
        "last_line": last_line,
        "text_hash": chunk.text_hash,
        "overlap": chunk.overlap,
        "gap": chunk.gap,
    }


def _chunk(row: Any) -> Chunk:
    return Chunk(
        id=row["id"],
        document_id=row["document_id"],
        collection_id=row["collection_id"],
        revision=row["revision"],
        deleted_revision=row["deleted_revision"],
        ordinal=row["ordinal"],
        header=row["header"],
        text=row["text"],
        pages=None if row["first_page"] is None else (row["first_page"], row["last_page"]),
        lines=None if row["first_line"] is None else (row["first_line"], row["last_line"]),
        text_hash=row["text_hash"],
        overlap=row["overlap"],
        gap=row["gap"],
    )
