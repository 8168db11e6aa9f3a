"""From the names that a caller gives to the collections that they may read."""

from __future__ import annotations

from petra.access import Identity, authorize
from petra.errors import NotFound
from petra.storage import collections
from petra.storage.collections import Collection
from petra.storage.database import Database


async def readable(db: Database, caller: Identity, name: str | None) -> list[Collection]:
    """The collection `name`, or with None all that `caller` may read. Raises NotFound for an unknown name."""
    async with db.read() as conn:
        mine = await collections.list_for(conn, caller.user_id)
    found = [item for item in mine if name is None or item.name == name]
    if name is not None and not found:
        raise NotFound(
            f"There is no collection {name!r}",
            remedy="`petra status` lists them; `petra index PATH --collection NAME` makes one",
        )
    for item in found:
        authorize(caller, "read_collection", item)
    return found
