"""Documents: one file of a collection, what became of it and at which revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage import chunks, symbols
from petra.storage.rows import batches, many, new_id, now, one
from petra.storage.tables import documents

DocumentState = Literal["queued", "extracting", "embedding", "ready", "failed"]


@dataclass(frozen=True)
class Document:
    """`path` is relative to the collection's root, with `/`, or the upload's file name. `revision` is
    that of its last change, `deleted_revision` that of its deletion; a deleted row is kept as a mark.
    `reason` is why it failed or, when it is ready, what of it was left out. `chunker` names what cut it
    into its chunks: when that is another one today, the document is to be read again."""

    id: str
    collection_id: str
    owner_id: str
    upload_id: str | None
    path: str
    title: str
    media_type: str
    size: int
    sha256: str
    mtime_ns: int | None
    pages: int | None
    state: DocumentState
    reason: str | None
    revision: int
    deleted_revision: int | None
    created_at: float
    chunker: str = ""


async def add(
    conn: AsyncConnection,
    *,
    collection_id: str,
    owner_id: str,
    path: str,
    title: str,
    media_type: str,
    size: int,
    sha256: str,
    revision: int,
    upload_id: str | None = None,
    mtime_ns: int | None = None,
    pages: int | None = None,
    state: DocumentState = "queued",
) -> Document:
    """Add a document. `revision` comes from `collections.bump` in this transaction."""
    document = Document(
        id=new_id(),
        collection_id=collection_id,
        owner_id=owner_id,
        upload_id=upload_id,
        path=path,
        title=title,
        media_type=media_type,
        size=size,
        sha256=sha256,
        mtime_ns=mtime_ns,
        pages=pages,
        state=state,
        reason=None,
        revision=revision,
        deleted_revision=None,
        created_at=now(),
    )
    await conn.execute(insert(documents), asdict(document))
    return document


async def get(conn: AsyncConnection, id: str) -> Document | None:
    """The document with this id, unless it was deleted."""
    return one(Document, await conn.execute(_alive().where(documents.c.id == id)))


async def get_many(conn: AsyncConnection, ids: Sequence[str]) -> dict[str, Document]:
    """Those of `ids` that were not deleted, by id."""
    found: dict[str, Document] = {}
    for some in batches(list(dict.fromkeys(ids))):
        rows = many(Document, await conn.execute(_alive().where(documents.c.id.in_(some))))
        found |= {document.id: document for document in rows}
    return found


async def by_sha256(conn: AsyncConnection, collection_id: str, sha256: str) -> Document | None:
    """The oldest document with these bytes, so that the same file twice is one document."""
    query = _alive().where(documents.c.collection_id == collection_id, documents.c.sha256 == sha256)
    return one(Document, await conn.execute(query.order_by(documents.c.revision).limit(1)))


async def list_in(conn: AsyncConnection, collection_id: str) -> list[Document]:
    """All documents of a collection, by path."""
    query = _alive().where(documents.c.collection_id == collection_id)
    return many(Document, await conn.execute(query.order_by(documents.c.path, documents.c.id)))


async def uploads_of_another(conn: AsyncConnection, chunker: str) -> list[Document]:
    """Uploads that are ready and whose chunks another chunker has made."""
    query = _alive().where(
        documents.c.upload_id.is_not(None), documents.c.state == "ready", documents.c.chunker != chunker
    )
    return many(Document, await conn.execute(query.order_by(documents.c.id)))


async def set_state(
    conn: AsyncConnection,
    id: str,
    state: DocumentState,
    reason: str | None = None,
    pages: int | None = None,
) -> None:
    """Say how far a document is. `reason` is why it failed or, when it is ready, what of it was left out;
    `pages` is kept when not given."""
    values = {"state": state, "reason": reason} | ({} if pages is None else {"pages": pages})
    await conn.execute(update(documents).where(documents.c.id == id).values(values))


async def set_media_type(conn: AsyncConnection, id: str, media_type: str) -> None:
    """Record what a document turned out to be when it was read."""
    await conn.execute(update(documents).where(documents.c.id == id).values(media_type=media_type))


async def set_content(
    conn: AsyncConnection, id: str, *, size: int, sha256: str, mtime_ns: int | None, revision: int
) -> None:
    """Record that the file behind a document has other bytes (or, with its old hash, another time)."""
    values = {"size": size, "sha256": sha256, "mtime_ns": mtime_ns, "revision": revision}
    await conn.execute(update(documents).where(documents.c.id == id).values(values))


async def set_chunker(conn: AsyncConnection, id: str, chunker: str) -> None:
    """Say what made the chunks of a document."""
    await conn.execute(update(documents).where(documents.c.id == id).values(chunker=chunker))


async def mark_deleted(conn: AsyncConnection, id: str, revision: int) -> None:
    """Delete a document with its chunks and symbols; the marks that stay tell the caches. The blob is the
    caller's."""
    await chunks.delete(conn, id, revision)
    await symbols.delete(conn, id)
    await conn.execute(
        update(documents)
        .where(documents.c.id == id, documents.c.deleted_revision.is_(None))
        .values(deleted_revision=revision)
    )


def _alive() -> Select[*tuple[Any, ...]]:
    return select(documents).where(documents.c.deleted_revision.is_(None))
