"""What an answer leaves behind beside its text: the parts it was streamed in, its sources, its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import batches
from petra.storage.tables import parts, sources, usage

Part = tuple[int, str, dict[str, Any]]
"""`seq`, `kind` and the part itself as JSON values."""


async def append_parts(conn: AsyncConnection, message_id: str, new: Sequence[Part]) -> None:
    """Keep parts of an answer. A `seq` that is there already is an error, not an overwrite."""
    if new:
        rows = [
            {"message_id": message_id, "seq": seq, "kind": kind, "payload": payload}
            for seq, kind, payload in new
        ]
        await conn.execute(insert(parts), rows)


async def parts_after(conn: AsyncConnection, message_id: str, seq: int) -> list[Part]:
    """The parts of an answer with a higher `seq` (-1 gives all), in order."""
    query = select(parts.c.seq, parts.c.kind, parts.c.payload).where(
        parts.c.message_id == message_id, parts.c.seq > seq
    )
    return [(row.seq, row.kind, row.payload) for row in await conn.execute(query.order_by(parts.c.seq))]


async def endings_of(conn: AsyncConnection, message_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How answers ended, by message: `finish_reason`, and `error` (a `messages.Error` as JSON values) where
    there was one. An answer that still streams has none."""
    found: dict[str, dict[str, Any]] = {}
    for some in batches(message_ids):
        query = select(parts.c.message_id, parts.c.kind, parts.c.payload).where(
            parts.c.message_id.in_(some), parts.c.kind.in_(("error", "done"))
        )
        for row in await conn.execute(query.order_by(parts.c.message_id, parts.c.seq)):
            name = "error" if row.kind == "error" else "finish_reason"
            found.setdefault(row.message_id, {})[name] = row.payload[name]
    return {id: ending for id, ending in found.items() if "finish_reason" in ending}


async def set_sources(conn: AsyncConnection, message_id: str, new: Sequence[Mapping[str, Any]]) -> None:
    """Make `new` the sources of an answer. Each is a `messages.Source` as JSON values, and may say its
    `chunk_id` besides."""
    await conn.execute(delete(sources).where(sources.c.message_id == message_id))
    if new:
        rows = [
            {
                "message_id": message_id,
                "n": source["n"],
                "kind": source["kind"],
                "document_id": source["document_id"],
                "chunk_id": source.get("chunk_id"),
                "payload": {key: value for key, value in source.items() if key != "chunk_id"},
            }
            for source in new
        ]
        await conn.execute(insert(sources), rows)


async def sources_of(conn: AsyncConnection, message_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The sources of answers as JSON values, by message, in the order of `n`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for some in batches(message_ids):
        query = select(sources.c.message_id, sources.c.payload).where(sources.c.message_id.in_(some))
        for row in await conn.execute(query.order_by(sources.c.message_id, sources.c.n)):
            found.setdefault(row.message_id, []).append(row.payload)
    return found


async def set_usage(conn: AsyncConnection, message_id: str, cost: Mapping[str, Any]) -> None:
    """Keep what an answer cost: a `messages.Usage` as JSON values."""
    await conn.execute(delete(usage).where(usage.c.message_id == message_id))
    await conn.execute(insert(usage), {"message_id": message_id, "ttft_ms": None, **cost})


async def usages_of(conn: AsyncConnection, message_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What answers cost, by message, without the fields that are unknown."""
    found: dict[str, dict[str, Any]] = {}
    for some in batches(message_ids):
        query = select(usage).where(usage.c.message_id.in_(some))
        for row in (await conn.execute(query)).mappings():
            cost = {key: value for key, value in row.items() if value is not None}
            found[cost.pop("message_id")] = cost
    return found
