"""Collections: a set of documents that is searched together, and the revision that its caches follow."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.errors import NotFound
from petra.storage.rows import many, new_id, now, one
from petra.storage.tables import collections, jobs


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


async def mirroring(conn: AsyncConnection) -> list[Collection]:
    """All collections of all owners that mirror a whole folder: not those of single files in one."""
    whole = select(jobs.c.id).where(
        jobs.c.collection_id == collections.c.id,
        jobs.c.kind == "index",
        jobs.c.payload["only"].as_string().is_(None),
    )
    query = select(collections).where(collections.c.root.is_not(None), whole.exists())
    return many(Collection, await conn.execute(query.order_by(collections.c.id)))


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


async def remove(conn: AsyncConnection, id: str) -> None:
    """Delete a collection with its documents and chunks. Its blobs and caches are the caller's to drop."""
    await conn.execute(delete(collections).where(collections.c.id == id))
