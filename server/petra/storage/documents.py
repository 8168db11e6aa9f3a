"""Documents: one file of a collection, what became of it and at which revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Select, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage import chunks, symbols
from petra.storage.rows import BATCH, batches, many, new_id, now, one
from petra.storage.tables import documents

DocumentState = Literal["queued", "extracting", "embedding", "ready", "failed"]


@dataclass(frozen=True)
class Document:
    """`path` is relative to the collection's root, with `/`, or the upload's file name. `digest`, in hex,
    is SHA-256 of an upload and BLAKE2b (256 bits) of a folder's file. `revision` is
    that of its last change, `deleted_revision` that of its deletion; a deleted row is kept as a mark.
    `reason` is why it failed or, when it is ready, what of it was left out. `chunker` names what cut it
    into its chunks: when that is another one today, the document is to be read again. A folder's file
    with the `size`, `mtime_ns` and `inode` of its row is taken for unchanged; one without an inode is
    looked into."""

    id: str
    collection_id: str
    owner_id: str
    upload_id: str | None
    path: str
    title: str
    media_type: str
    size: int
    digest: str
    mtime_ns: int | None
    pages: int | None
    state: DocumentState
    reason: str | None
    revision: int
    deleted_revision: int | None
    created_at: float
    chunker: str = ""
    inode: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What tells whether a folder's file has changed since it was read."""

    id: str
    path: str
    media_type: str
    size: int
    digest: str
    mtime_ns: int | None
    inode: int | None
    state: DocumentState
    chunker: str


async def add(
    conn: AsyncConnection,
    *,
    collection_id: str,
    owner_id: str,
    path: str,
    title: str,
    media_type: str,
    size: int,
    digest: str,
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
        digest=digest,
        mtime_ns=mtime_ns,
        pages=pages,
        state=state,
        reason=None,
        revision=revision,
        deleted_revision=None,
        created_at=now(),
    )
    await add_many(conn, [document])
    return document


async def add_many(conn: AsyncConnection, new: Sequence[Document]) -> None:
    """Add documents whose rows are complete, all of the revision of this transaction."""
    for some in batches(new):
        await conn.execute(insert(documents), [asdict(document) for document in some])


async def put_many(conn: AsyncConnection, changed: Sequence[Document]) -> None:
    """Make these the rows of documents that are there already, by their ids."""
    for some in batches(changed):
        await conn.execute(_PUT, [{"row": item.id, **_content(item)} for item in some])


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


async def by_digest(conn: AsyncConnection, collection_id: str, digest: str) -> Document | None:
    """The oldest document with these bytes, so that the same file twice is one document."""
    query = _alive().where(documents.c.collection_id == collection_id, documents.c.digest == digest)
    return one(Document, await conn.execute(query.order_by(documents.c.revision).limit(1)))


async def list_in(conn: AsyncConnection, collection_id: str) -> list[Document]:
    """All documents of a collection, by path."""
    query = _alive().where(documents.c.collection_id == collection_id)
    return many(Document, await conn.execute(query.order_by(documents.c.path, documents.c.id)))


async def known(conn: AsyncConnection, collection_id: str) -> dict[str, Known]:
    """What a collection knows of its files, by path: slim, for folders of many thousands."""
    query = select(*_KNOWN).where(
        documents.c.collection_id == collection_id, documents.c.deleted_revision.is_(None)
    )
    found: dict[str, Known] = {}
    async with conn.stream(query) as rows:
        async for some in rows.partitions(4 * BATCH):
            found |= {row.path: Known(*row) for row in some}
    return found


async def at_paths(conn: AsyncConnection, collection_id: str, paths: Sequence[str]) -> list[Document]:
    """The documents at these paths of a collection."""
    found: list[Document] = []
    for some in batches(list(dict.fromkeys(paths))):
        query = _alive().where(documents.c.collection_id == collection_id, documents.c.path.in_(some))
        found += many(Document, await conn.execute(query))
    return found


async def known_at(conn: AsyncConnection, collection_id: str, paths: Sequence[str]) -> dict[str, Known]:
    """What a collection knows of the files at these paths, and below those that are folders, by path."""
    found: dict[str, Known] = {}
    for path in dict.fromkeys(paths):
        # "0" comes right after "/".
        below = (documents.c.path >= f"{path}/") & (documents.c.path < f"{path}0")
        query = select(*_KNOWN).where(
            documents.c.collection_id == collection_id,
            documents.c.deleted_revision.is_(None),
            or_(documents.c.path == path, below),
        )
        found |= {row.path: Known(*row) for row in await conn.execute(query)}
    return found


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


async def touch(conn: AsyncConnection, seen: Sequence[Known]) -> None:
    """Record the times and inodes of files whose bytes are the old ones."""
    for some in batches(seen):
        rows = [{"row": item.id, "mtime_ns": item.mtime_ns, "inode": item.inode} for item in some]
        await conn.execute(_TOUCH, rows)


async def mark_deleted(conn: AsyncConnection, ids: str | Sequence[str], revision: int) -> None:
    """Delete documents with their chunks and symbols; the marks that stay tell the caches. Blobs are the
    caller's."""
    for some in batches([ids] if isinstance(ids, str) else ids):
        await chunks.delete(conn, some, revision)
        await symbols.delete(conn, some)
        await conn.execute(
            update(documents)
            .where(documents.c.id.in_(some), documents.c.deleted_revision.is_(None))
            .values(deleted_revision=revision)
        )


_KNOWN = [documents.c[name] for name in Known.__dataclass_fields__]
_FIXED = {"id", "collection_id", "owner_id", "upload_id", "created_at", "deleted_revision"}
_PUT = (
    update(documents)
    .where(documents.c.id == bindparam("row"))
    .values({column.name: bindparam(column.name) for column in documents.c if column.name not in _FIXED})
)
_TOUCH = (
    update(documents)
    .where(documents.c.id == bindparam("row"))
    .values(mtime_ns=bindparam("mtime_ns"), inode=bindparam("inode"))
)


def _content(document: Document) -> dict[str, Any]:
    return {name: value for name, value in asdict(document).items() if name not in _FIXED}


def _alive() -> Select[*tuple[Any, ...]]:
    return select(documents).where(documents.c.deleted_revision.is_(None))
