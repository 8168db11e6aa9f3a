"""Symbols: what documents define, by name. They come and go with the chunks of their document.

No cache is made of them, so that a deleted one leaves no mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select
from sqlalchemy import delete as delete_rows
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.rows import batches
from petra.storage.tables import documents, symbols

LAST = "\U0010ffff"
"""Sorts after every character of a name."""


@dataclass(frozen=True, slots=True)
class NewSymbol:
    """A definition as it was found. `scope` is what it stands in ("class › method"), `lines` are first and
    last, from 1, inclusive."""

    name: str
    kind: str
    scope: str
    lines: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition as it is stored."""

    id: int
    document_id: str
    collection_id: str
    name: str
    kind: str
    scope: str
    lines: tuple[int, int]


async def add(conn: AsyncConnection, collection_id: str, new: Sequence[tuple[str, NewSymbol]]) -> None:
    """Add symbols, each with the id of its document."""
    for some in batches(new):
        rows = [_row(document_id, collection_id, symbol) for document_id, symbol in some]
        await conn.execute(insert(symbols), rows)


async def delete(conn: AsyncConnection, document_ids: Sequence[str]) -> None:
    """Delete the symbols of documents."""
    for some in batches(document_ids):
        await conn.execute(delete_rows(symbols).where(symbols.c.document_id.in_(some)))


async def find(
    conn: AsyncConnection,
    name: str,
    collection_ids: Sequence[str],
    limit: int,
    *,
    prefix: bool = False,
) -> list[Symbol]:
    """Symbols of this name, or with `prefix` of one that begins with it, in documents of these collections
    that are alive and ready. Case does not count, but what has the same case comes first; then the shorter
    name."""
    folded = _folded(name)
    if not folded or not collection_ids:
        return []
    wanted: ColumnElement[bool] = symbols.c.folded == folded
    if prefix:
        wanted = and_(symbols.c.folded >= folded, symbols.c.folded < folded + LAST)
    query = (
        select(symbols)
        .join(documents, documents.c.id == symbols.c.document_id)
        .where(
            symbols.c.collection_id.in_(collection_ids),
            wanted,
            documents.c.deleted_revision.is_(None),
            documents.c.state == "ready",
        )
        .order_by(
            func.substr(symbols.c.name, 1, len(name)) != name,
            func.length(symbols.c.folded),
            symbols.c.folded,
            documents.c.path,
            symbols.c.id,
        )
        .limit(limit)
    )
    return [_symbol(row) for row in (await conn.execute(query)).mappings()]


def _folded(name: str) -> str:
    return name.casefold()


def _row(document_id: str, collection_id: str, symbol: NewSymbol) -> dict[str, Any]:
    return {
        "document_id": document_id,
        "collection_id": collection_id,
        "name": symbol.name,
        "folded": _folded(symbol.name),
        "kind": symbol.kind,
        "scope": symbol.scope,
        "first_line": symbol.lines[0],
        "last_line": symbol.lines[1],
    }


def _symbol(row: Any) -> Symbol:
    return Symbol(
        id=row["id"],
        document_id=row["document_id"],
        collection_id=row["collection_id"],
        name=row["name"],
        kind=row["kind"],
        scope=row["scope"],
        lines=(row["first_line"], row["last_line"]),
    )
