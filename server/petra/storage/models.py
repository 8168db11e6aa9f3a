"""The model files that this installation has taken in."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import many, now, one
from petra.storage.tables import models


@dataclass(frozen=True)
class Model:
    """`path` is its folder or file, `sha256` the checksum it was verified with, `source` where it is from."""

    name: str
    kind: str
    path: str
    sha256: str
    size: int
    source: str
    created_at: float


async def put(
    conn: AsyncConnection, *, name: str, kind: str, path: str, sha256: str, size: int, source: str
) -> Model:
    """Record a model, in place of an earlier one of the same name."""
    model = Model(name, kind, path, sha256, size, source, now())
    await remove(conn, name)
    await conn.execute(insert(models), asdict(model))
    return model


async def get(conn: AsyncConnection, name: str) -> Model | None:
    """The model of this name."""
    return one(Model, await conn.execute(select(models).where(models.c.name == name)))


async def list_all(conn: AsyncConnection) -> list[Model]:
    """All models, by name."""
    return many(Model, await conn.execute(select(models).order_by(models.c.name)))


async def remove(conn: AsyncConnection, name: str) -> None:
    """Forget a model. Its files are the caller's."""
    await conn.execute(delete(models).where(models.c.name == name))
