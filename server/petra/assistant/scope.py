"""From the names that a caller gives to the collections that they may read: decided before any search."""

from __future__ import annotations

from petra.access import Identity, authorize
from petra.errors import NotFound
from petra.storage import collections
from petra.storage.collections import Collection
from petra.storage.database import Connection, Database


async def readable(db: Database, caller: Identity, names: tuple[str, ...] | None) -> list[Collection]:
    """The collections with these names, or with None all that `caller` may read.

    Raises NotFound for a name that is not among them.
    """
    async with db.read() as conn:
        return await readable_now(conn, caller, names)


async def readable_now(conn: Connection, caller: Identity, names: tuple[str, ...] | None) -> list[Collection]:
    """The same, for who reads more from the same moment of the database."""
    mine = {item.name: item for item in await collections.list_for(conn, caller.user_id)}
    wanted = mine if names is None else dict.fromkeys(names)
    for name in wanted:
        if name not in mine:
            raise NotFound(
                f"There is no collection {name[:80]!r}",
                remedy="`petra status` lists them; `petra index PATH --collection NAME` makes one",
            )
    found = [mine[name] for name in wanted]
    for item in found:
        authorize(caller, "read_collection", item)
    return found
