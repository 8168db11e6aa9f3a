"""Collections: a set of documents that is searched together, and the revision that its caches follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.errors import NotFound
from petra.storage.rows import batches, many, new_id, now, one
from petra.storage.tables import chunks, collections, documents, jobs, symbols, uploads, vectors


@dataclass(frozen=True)
class Collection:
    """`root` is the absolute folder it mirrors, None for uploads. `revision` rises with every change of
    its documents or chunks, in the transaction of that change, and stamps the rows that changed."""

    id: str
    owner_id: str
    name: str
    root: str | None
    revision: int
    created_at: float


async def create(conn: AsyncConnection, owner_id: str, name: str, root: str | None = None) -> Collection:
    """Add an empty collection at revision 0. The name has to be new for this owner (IntegrityError)."""
    collection = Collection(new_id(), owner_id, name, root, 0, now())
    await conn.execute(insert(collections), asdict(collection))
    return collection


async def get(conn: AsyncConnection, id: str) -> Collection | None:
    """The collection with this id."""
    return one(Collection, await conn.execute(select(collections).where(collections.c.id == id)))


async def by_name(conn: AsyncConnection, owner_id: str, name: str) -> Collection | None:
    """An owner's collection of this name."""
    query = select(collections).where(collections.c.owner_id == owner_id, collections.c.name == name)
    return one(Collection, await conn.execute(query))


async def list_for(conn: AsyncConnection, owner_id: str) -> list[Collection]:
    """All collections of an owner, by name."""
    query = select(collections).where(collections.c.owner_id == owner_id).order_by(collections.c.name)
    return many(Collection, await conn.execute(query))


async def everybodys(conn: AsyncConnection) -> list[Collection]:
    """All collections of all owners: for what looks after the whole index, and shows nobody's words."""
    return many(Collection, await conn.execute(select(collections).order_by(collections.c.id)))


async def followed(
    conn: AsyncConnection, *, read_once: bool = False
) -> list[tuple[Collection, frozenset[str] | None]]:
    """All collections of all owners that mirror a folder, or with their names only single files of one. What
    somebody stopped before it was read once is not followed. With `read_once`, neither is what they may
    still stop."""
    query = select(collections).where(collections.c.root.is_not(None)).order_by(collections.c.id)
    roots = many(Collection, await conn.execute(query))
    only = jobs.c.payload["only"].as_string()
    wanted = (jobs.c.kind == "index") & (jobs.c.state != "cancelled")
    if read_once:
        wanted &= jobs.c.finished_at.is_not(None)
    indexed = wanted & (jobs.c.collection_id == collections.c.id)
    as_a_whole = select(jobs.c.id).where(indexed, only.is_(None)).exists()
    whole = set(await conn.scalars(select(collections.c.id).where(as_a_whole)))
    rest = [item.id for item in roots if item.id not in whole]
    names = (
        select(jobs.c.collection_id, only.label("only"))
        .where(wanted, jobs.c.collection_id.in_(rest))
        .distinct()
    )
    of: dict[str, set[str]] = {}
    for row in await conn.execute(names):
        of.setdefault(row.collection_id, set()).add(row.only)
    return [
        (item, None if item.id in whole else frozenset(of[item.id]))
        for item in roots
        if item.id in whole or item.id in of
    ]


async def bump(conn: AsyncConnection, id: str) -> int:
    """Raise the revision and return it, to stamp the rows that change in this same transaction.

    Raises NotFound when the collection was removed meanwhile.
    """
    raised = (
        update(collections)
        .where(collections.c.id == id)
        .values(revision=collections.c.revision + 1)
        .returning(collections.c.revision)
    )
    revision: int | None = await conn.scalar(raised)
    if revision is None:
        raise NotFound("The collection is gone", cause="It was removed meanwhile", remedy="Make a new one")
    return revision


async def is_empty(conn: AsyncConnection, id: str) -> bool:
    """Whether nothing was ever read into a collection of a folder: no document, no job that succeeded."""
    document = select(documents.c.id).where(documents.c.collection_id == id)
    read = select(jobs.c.id).where(
        jobs.c.collection_id == id, jobs.c.kind == "index", jobs.c.state == "ready"
    )
    return not await conn.scalar(select(or_(document.exists(), read.exists())))


async def remove(conn: AsyncConnection, id: str, *, sparing: int | None = None) -> list[str]:
    """Delete a collection with its documents, chunks and symbols, the vectors of texts that none of the
    owner's other collections has, its uploads and its jobs; those of its jobs that have not ended are
    cancelled, but for the one that is `sparing`. Returns the ids of the uploads: when this is committed,
    their blobs and the caches are the caller's to drop. Raises NotFound."""
    collection = await get(conn, id)
    if collection is None:
        raise NotFound("There is no such collection", remedy="It may have been removed already")
    held = select(documents.c.upload_id).where(
        documents.c.collection_id == id, documents.c.upload_id.is_not(None)
    )
    upload_ids = list(dict.fromkeys(await conn.scalars(held)))
    await _end_jobs(conn, id, sparing)
    await _remove_vectors(conn, collection)
    # One statement a table: cascades would do the same, row by row.
    for table in (symbols, chunks, documents):
        await conn.execute(delete(table).where(table.c.collection_id == id))
    for some in batches(upload_ids):
        await conn.execute(delete(uploads).where(uploads.c.id.in_(some)))
    await conn.execute(delete(collections).where(collections.c.id == id))
    return upload_ids


async def _end_jobs(conn: AsyncConnection, id: str, sparing: int | None) -> None:
    """Whoever waits for a job that has not ended is told; what the others found is forgotten."""
    others = (jobs.c.collection_id == id) & (jobs.c.id != (sparing or 0))
    await conn.execute(delete(jobs).where(others, jobs.c.finished_at.is_not(None)))
    gone = {"state": "cancelled", "reason": "Its collection was removed", "payload": {}}
    ended = {**gone, "cancel_requested": True, "finished_at": now()}
    await conn.execute(update(jobs).where(others).values(ended))


async def _remove_vectors(conn: AsyncConnection, collection: Collection) -> None:
    own = select(chunks.c.text_hash).where(
        chunks.c.collection_id == collection.id, chunks.c.deleted_revision.is_(None)
    )
    others = (
        select(chunks.c.text_hash)
        .join(collections, collections.c.id == chunks.c.collection_id)
        .where(
            collections.c.owner_id == collection.owner_id,
            collections.c.id != collection.id,
            chunks.c.deleted_revision.is_(None),
        )
    )
    # Model by model, because the key begins with owner and model.
    model: str | None = ""
    while model is not None:
        here = (vectors.c.owner_id == collection.owner_id) & (vectors.c.model_id == model)
        await conn.execute(
            delete(vectors).where(here, vectors.c.text_hash.in_(own), vectors.c.text_hash.not_in(others))
        )
        following = (vectors.c.owner_id == collection.owner_id) & (vectors.c.model_id > model)
        model = await conn.scalar(select(func.min(vectors.c.model_id)).where(following))
