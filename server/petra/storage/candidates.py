"""What a search reads of many passages: in one statement, and as plain tuples.

(Whole rows of 200 chunks as dataclasses by column name take 5 ms, and every statement more than one hand-over
to the database's thread: together that is most of what a search may take.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from petra.storage.chunks import Span
from petra.storage.rows import batches
from petra.storage.tables import chunks, collections, documents, symbols


class Candidate(NamedTuple):
    """A passage, with what a search says of its document."""

    id: int
    document_id: str
    collection_id: str
    path: str
    title: str
    media_type: str
    header: str
    text: str
    first_page: int | None
    last_page: int | None
    first_line: int | None
    last_line: int | None

    @property
    def pages(self) -> Span | None:
        """First and last."""
        return _span(self.first_page, self.last_page)

    @property
    def lines(self) -> Span | None:
        """First and last."""
        return _span(self.first_line, self.last_line)


class Definition(NamedTuple):
    """The chunk in which a definition begins, what it is called and what it stands in."""

    chunk_id: int
    name: str
    scope: str


async def get_many(conn: AsyncConnection, ids: Sequence[int]) -> list[Candidate]:
    """Those of `ids` whose document is alive and ready, in no order: the second check behind a search."""
    found: list[Candidate] = []
    for some in batches(ids):
        query = (
            select(
                chunks.c.id,
                chunks.c.document_id,
                chunks.c.collection_id,
                documents.c.path,
                documents.c.title,
                documents.c.media_type,
                chunks.c.header,
                chunks.c.text,
                chunks.c.first_page,
                chunks.c.last_page,
                chunks.c.first_line,
                chunks.c.last_line,
            )
            .join(documents, documents.c.id == chunks.c.document_id)
            .where(
                chunks.c.id.in_(some),
                chunks.c.deleted_revision.is_(None),
                documents.c.deleted_revision.is_(None),
                documents.c.state == "ready",
            )
        )
        found += [Candidate._make(row) for row in await conn.execute(query)]
    return found


async def defining(
    conn: AsyncConnection, names: Sequence[str], collection_ids: Sequence[str], limit: int
) -> list[Definition]:
    """Where these names are defined, whatever their case, in documents of these collections that are alive
    and ready."""
    folded = [name.casefold() for name in names]
    if not folded or not collection_ids:
        return []
    begins = and_(
        chunks.c.document_id == symbols.c.document_id,
        chunks.c.deleted_revision.is_(None),
        chunks.c.first_line <= symbols.c.first_line,
        chunks.c.last_line >= symbols.c.first_line,
    )
    query = (
        select(func.min(chunks.c.id), symbols.c.name, symbols.c.scope)
        .select_from(symbols)
        .join(documents, documents.c.id == symbols.c.document_id)
        .join(chunks, begins)
        .where(
            symbols.c.collection_id.in_(collection_ids),
            symbols.c.folded.in_(folded),
            documents.c.deleted_revision.is_(None),
            documents.c.state == "ready",
        )
        .group_by(symbols.c.id, symbols.c.name, symbols.c.scope)
        .limit(limit)
    )
    return [Definition(*row) for row in await conn.execute(query)]


async def revisions(conn: AsyncConnection, collection_ids: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The revision of each of these collections that is there, by id."""
    query = select(collections.c.id, collections.c.revision).where(collections.c.id.in_(collection_ids))
    return tuple(sorted((id, revision) for id, revision in await conn.execute(query)))


def _span(first: int | None, last: int | None) -> Span | None:
    return None if first is None or last is None else (first, last)
