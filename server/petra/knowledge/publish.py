"""Extracted documents to searchable ones: vectors first, then rows and state in one transaction.

A document's new chunks replace the old ones when all of them have a vector; until then the old ones
answer, and a job that is run again begins anew without harm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from petra.knowledge.blocks import embedded_text
from petra.knowledge.embedding import Embedding, Progress
from petra.knowledge.extract.extractor import Extracted
from petra.knowledge.index import Indexes
from petra.storage import chunks, collections, documents, symbols
from petra.storage.chunks import Chunk, NewChunk
from petra.storage.collections import Collection
from petra.storage.database import Connection, Database
from petra.storage.symbols import NewSymbol


@dataclass(frozen=True)
class Draft:
    """A file as it was read. `document_id` is None for one that has no row yet. `content` is what came
    out of it, or the reason why nothing did; `chunker` names what read it."""

    document_id: str | None
    path: str
    title: str
    media_type: str
    size: int
    sha256: str
    mtime_ns: int | None
    content: Extracted | str
    chunker: str

    @property
    def chunks(self) -> list[NewChunk]:
        """Its passages."""
        return [] if isinstance(self.content, str) else self.content.chunks

    @property
    def symbols(self) -> list[NewSymbol]:
        """What it defines."""
        return [] if isinstance(self.content, str) else self.content.symbols


class Publisher:
    """The last steps of every ingest."""

    def __init__(self, db: Database, embedding: Embedding, indexes: Indexes) -> None:
        self._db = db
        self._embedding = embedding
        self._indexes = indexes

    async def publish(self, collection: Collection, drafts: Sequence[Draft], progress: Progress) -> None:
        """Make `drafts` the content of their documents, all at one revision of the collection.

        A document that was deleted meanwhile stays deleted. Raises what `progress` and the model raise.
        """
        if not drafts:
            return
        texts = _texts([chunk for draft in drafts for chunk in draft.chunks])
        await self._embedding.embed(collection.owner_id, texts, progress)
        async with self._db.write() as conn:
            revision = await collections.bump(conn, collection.id)
            for draft in drafts:
                await _store(conn, collection, draft, revision)
        await self._indexes.refresh(collection.id)

    async def finish(self, collection: Collection, progress: Progress) -> None:
        """At the end of a job: embed what an earlier model left without a vector, and write the index."""
        if missing := await self._indexes.missing(collection.id):
            async with self._db.read() as conn:
                rows = await chunks.get_many(conn, list(missing))
            await self._embedding.embed(collection.owner_id, _texts(rows), progress)
        await self._indexes.refresh(collection.id, settle=True)


def _texts(passages: Sequence[NewChunk | Chunk]) -> Mapping[str, str]:
    return {passage.text_hash: embedded_text(passage.header, passage.text) for passage in passages}


async def _store(conn: Connection, collection: Collection, draft: Draft, revision: int) -> None:
    id = draft.document_id
    if id is not None and (known := await documents.get(conn, id)) is None:
        return
    if id is not None and known and known.media_type != draft.media_type:
        await documents.mark_deleted(conn, id, revision)
        id = None
    if id is None:
        added = await documents.add(
            conn,
            collection_id=collection.id,
            owner_id=collection.owner_id,
            path=draft.path,
            title=draft.title,
            media_type=draft.media_type,
            size=draft.size,
            sha256=draft.sha256,
            mtime_ns=draft.mtime_ns,
            revision=revision,
        )
        id = added.id
    else:
        await documents.set_content(
            conn, id, size=draft.size, sha256=draft.sha256, mtime_ns=draft.mtime_ns, revision=revision
        )
    await chunks.replace(conn, id, collection.id, draft.chunks, revision)
    await symbols.replace(conn, id, collection.id, draft.symbols)
    await documents.set_chunker(conn, id, draft.chunker)
    if isinstance(draft.content, str):
        await documents.set_state(conn, id, "failed", draft.content)
    else:
        await documents.set_state(conn, id, "ready", draft.content.notice, draft.content.pages)
