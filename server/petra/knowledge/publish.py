"""Extracted documents to searchable ones, many in one transaction.

A document can be found by its words, its symbols and its static vectors as soon as it is published. The
embedder is not asked here: its vectors follow behind (`filler`), and nothing waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from petra.knowledge.extract.extractor import Extracted
from petra.knowledge.index import Indexes
from petra.knowledge.space import Space
from petra.storage import chunks, collections, documents, symbols
from petra.storage.chunks import NewChunk
from petra.storage.collections import Collection
from petra.storage.database import Connection, Database
from petra.storage.documents import Document, Known
from petra.storage.rows import new_id, now
from petra.storage.symbols import NewSymbol


@dataclass(frozen=True)
class Draft:
    """A file as it was read. `document_id` is that of an upload; a folder's file goes by its path.
    `content` is what came out of it, or the reason why nothing did; `chunker` names what read it, and
    `looked` says when (nanoseconds of the monotonic clock)."""

    document_id: str | None
    path: str
    title: str
    media_type: str
    size: int
    digest: str
    mtime_ns: int | None
    content: Extracted | str
    chunker: str
    inode: int | None = None
    looked: int = 0

    @property
    def chunks(self) -> list[NewChunk]:
        """Its passages."""
        return [] if isinstance(self.content, str) else self.content.chunks

    @property
    def symbols(self) -> list[NewSymbol]:
        """What it defines."""
        return [] if isinstance(self.content, str) else self.content.symbols


class Publisher:
    """The last step of every ingest. What a person has just saved is published ahead of a job that goes
    through the whole folder (`ahead`), and what the job has read before is then not published any more."""

    def __init__(self, db: Database, indexes: Indexes) -> None:
        self._db = db
        self._indexes = indexes
        self._ahead: dict[str, dict[str, int]] = {}

    def switch(self, space: Space) -> None:
        """Keep another version of the index up to date from now on."""
        self._indexes = space.indexes

    def begin(self, collection_id: str) -> None:
        """A job begins: all that was published ahead so far is older than what it will see."""
        self._ahead.pop(collection_id, None)

    async def forget(self, collection_id: str) -> None:
        """Let go of a collection whose rows are gone."""
        self._ahead.pop(collection_id, None)
        await self._indexes.forget(collection_id)

    async def publish(
        self,
        collection: Collection,
        drafts: Sequence[Draft],
        removed: Sequence[Known] = (),
        *,
        ahead: int | None = None,
    ) -> int:
        """Make `drafts` the content of their documents and delete those `removed`, all at one revision of
        the collection. `ahead` is when somebody began to look, for what is published ahead of a job.
        Returns how many documents have changed.

        A document that was deleted meanwhile stays deleted.
        """
        newer = self._ahead.get(collection.id, {}) if ahead is None else {}
        drafts = [draft for draft in drafts if newer.get(draft.path, 0) <= draft.looked]
        removed = [item for item in removed if item.path not in newer]
        if not drafts and not removed:
            return 0
        async with self._db.write() as conn:
            revision = await collections.bump(conn, collection.id)
            await documents.mark_deleted(conn, [item.id for item in removed], revision)
            await _store(conn, collection, drafts, revision)
        if ahead is not None:
            paths = [draft.path for draft in drafts] + [item.path for item in removed]
            self._ahead.setdefault(collection.id, {}).update(dict.fromkeys(paths, ahead))
        await self._indexes.refresh(collection.id, embedded=())
        return len(drafts) + len(removed)

    async def touch(self, same: Sequence[Known]) -> None:
        """Remember the new times of files whose bytes are the old ones."""
        if same:
            async with self._db.write() as conn:
                await documents.touch(conn, same)

    async def finish(self, collection: Collection) -> None:
        """At the end of a job: write the index to disk."""
        await self._indexes.refresh(collection.id, embedded=(), settle=True)


async def _store(conn: Connection, collection: Collection, drafts: Sequence[Draft], revision: int) -> None:
    there = await _there(conn, collection, drafts)
    new: list[Document] = []
    changed: list[Document] = []
    passages: list[tuple[str, NewChunk]] = []
    defined: list[tuple[str, NewSymbol]] = []
    other = []
    for draft in drafts:
        before = there.get(draft.document_id or draft.path)
        if before is None and draft.document_id:
            continue
        if before and before.media_type != draft.media_type:
            other.append(before.id)
            before = None
        document = _document(draft, before or _empty(collection, draft), revision)
        (changed if before else new).append(document)
        passages += [(document.id, chunk) for chunk in draft.chunks]
        defined += [(document.id, symbol) for symbol in draft.symbols]
    await documents.mark_deleted(conn, other, revision)
    await chunks.delete(conn, [document.id for document in changed], revision)
    await symbols.delete(conn, [document.id for document in changed])
    await documents.put_many(conn, changed)
    await documents.add_many(conn, new)
    await chunks.add(conn, collection.id, passages, revision)
    await symbols.add(conn, collection.id, defined)


async def _there(conn: Connection, collection: Collection, drafts: Sequence[Draft]) -> Mapping[str, Document]:
    """The documents that the drafts renew: uploads by their id, files by their path, as of now."""
    uploads = await documents.get_many(conn, [item.document_id for item in drafts if item.document_id])
    paths = [item.path for item in drafts if item.document_id is None]
    return uploads | {item.path: item for item in await documents.at_paths(conn, collection.id, paths)}


def _empty(collection: Collection, draft: Draft) -> Document:
    return Document(
        id=new_id(),
        collection_id=collection.id,
        owner_id=collection.owner_id,
        upload_id=None,
        path=draft.path,
        title=draft.title,
        media_type=draft.media_type,
        size=0,
        digest="",
        mtime_ns=None,
        pages=None,
        state="queued",
        reason=None,
        revision=0,
        deleted_revision=None,
        created_at=now(),
    )


def _document(draft: Draft, before: Document, revision: int) -> Document:
    failed = isinstance(draft.content, str)
    return replace(
        before,
        size=draft.size,
        digest=draft.digest,
        mtime_ns=draft.mtime_ns,
        inode=draft.inode,
        revision=revision,
        chunker=draft.chunker,
        state="failed" if failed else "ready",
        reason=draft.content if isinstance(draft.content, str) else draft.content.notice,
        pages=before.pages if isinstance(draft.content, str) else draft.content.pages,
    )
