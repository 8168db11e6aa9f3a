"""Who uses this Petra."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import new_id, now, one
from petra.storage.tables import users

Role = Literal["student", "instructor", "admin", "owner"]


@dataclass(frozen=True)
class User:
    """A person. `owner` is the one whose machine this is."""

    id: str
    name: str
    role: Role
    created_at: float


async def create(conn: AsyncConnection, name: str, role: Role) -> User:
    """Add a person."""
    user = User(new_id(), name, role, now())
    await conn.execute(insert(users), asdict(user))
    return user


async def ensure_owner(conn: AsyncConnection) -> User:
    """The owner of this installation, made on first use."""
    first = select(users).where(users.c.role == "owner").order_by(users.c.created_at, users.c.id).limit(1)
    return one(User, await conn.execute(first)) or await create(conn, "owner", "owner")
