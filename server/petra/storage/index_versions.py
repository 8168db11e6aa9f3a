"""Versions of the search index: which model's vectors answer now, which did before, which is being made.

The truth about that is a row, so that a swap is one transaction: before it the old version answers, after
it the new one, whenever the power goes. The files of a version are a cache, in the folder `v<id>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import many, now, one
from petra.storage.tables import index_versions

VersionState = Literal["building", "active", "previous"]


@dataclass(frozen=True)
class IndexVersion:
    """`configured` is what EMBEDDING_MODEL was when the version was made: when that is changed, the
    setting counts again."""

    id: int
    model_id: str
    configured: str
    state: VersionState
    created_at: float

    @property
    def folder(self) -> str:
        """The name of the folder with its files."""
        return f"v{self.id}"


async def at_start(conn: AsyncConnection, configured: str) -> IndexVersion:
    """The active version of a server whose EMBEDDING_MODEL is `configured`: the one that was active, or a
    new one of that model when there is none or the setting was changed since."""
    current = await in_state(conn, "active")
    if current and current.configured == configured:
        return current
    if current and current.model_id == configured:
        await conn.execute(
            update(index_versions).where(index_versions.c.id == current.id).values(configured=configured)
        )
        return current
    made = await _add(conn, configured, configured)
    await swap(conn, made.id)
    return made


async def get(conn: AsyncConnection, id: int) -> IndexVersion | None:
    """The version with this id."""
    return one(IndexVersion, await conn.execute(select(index_versions).where(index_versions.c.id == id)))


async def in_state(conn: AsyncConnection, state: VersionState) -> IndexVersion | None:
    """The newest version in this state."""
    query = select(index_versions).where(index_versions.c.state == state)
    return one(IndexVersion, await conn.execute(query.order_by(index_versions.c.id.desc()).limit(1)))


async def all_of_them(conn: AsyncConnection) -> list[IndexVersion]:
    """Every version whose files and vectors are wanted, oldest first."""
    return many(IndexVersion, await conn.execute(select(index_versions).order_by(index_versions.c.id)))


async def begin(conn: AsyncConnection, model_id: str, configured: str) -> IndexVersion:
    """A version to build: the unfinished one of this model, so that what was interrupted goes on, or a
    new one. Unfinished ones of other models are given up."""
    await conn.execute(
        delete(index_versions).where(
            index_versions.c.state == "building", index_versions.c.model_id != model_id
        )
    )
    return await in_state(conn, "building") or await _add(conn, model_id, configured)


async def swap(conn: AsyncConnection, id: int) -> None:
    """Make a version the active one. The one before it is kept to go back to, older ones are not."""
    for of, becomes in (("previous", None), ("active", "previous")):
        here = (index_versions.c.state == of) & (index_versions.c.id != id)
        change = update(index_versions).values(state=becomes) if becomes else delete(index_versions)
        await conn.execute(change.where(here))
    await conn.execute(update(index_versions).where(index_versions.c.id == id).values(state="active"))


async def drop(conn: AsyncConnection, id: int) -> None:
    """Give up a version that is not the active one: its files and vectors are then nobody's."""
    await conn.execute(
        delete(index_versions).where(index_versions.c.id == id, index_versions.c.state != "active")
    )


async def drop_previous(conn: AsyncConnection) -> None:
    """Give up the version that could be gone back to."""
    await conn.execute(delete(index_versions).where(index_versions.c.state == "previous"))


async def _add(conn: AsyncConnection, model_id: str, configured: str) -> IndexVersion:
    row = {"model_id": model_id, "configured": configured, "state": "building", "created_at": now()}
    added = await conn.execute(insert(index_versions).values(row).returning(*index_versions.c))
    return IndexVersion(**added.mappings().one())
