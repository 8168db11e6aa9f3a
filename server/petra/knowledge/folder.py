"""The job that brings a collection to what its folder holds now."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from petra.errors import NotFound, PetraError, UnreadableDocument
from petra.knowledge import skipped
from petra.knowledge.embedding import Progress
from petra.knowledge.extract import sniff
from petra.knowledge.extract.extractor import READERS, Extracted, Extractor
from petra.knowledge.names import shown
from petra.knowledge.publish import Draft, Publisher
from petra.knowledge.walk import EVERYTHING, Found, Walk, walk
from petra.storage import collections, documents
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Document
from petra.storage.job_runner import JobContext
from petra.telemetry import logger

log = logger("petra.knowledge.folder")

GROUP = 256
"""Chunks that are embedded and become searchable together."""
BATCH_FILES = 64
BATCH_BYTES = 1 << 20
"""Files that are read one after the other in one child, before the job says how far it is."""
DELETE_GROUP = 200
UNREAD = "could not be opened"


class FolderIngest:
    """Walks a folder and publishes what has changed; unchanged files are not even opened."""

    def __init__(self, db: Database, extractor: Extractor, publisher: Publisher) -> None:
        self._db = db
        self._extractor = extractor
        self._publisher = publisher
        self._turns: dict[str, asyncio.Lock] = {}

    async def run(self, context: JobContext) -> None:
        """Handle a job of kind "index"; payload {"only": a file's name, or None for all}."""
        collection_id = str(context.job.collection_id)
        async with self._turns.setdefault(collection_id, asyncio.Lock()):
            async with self._db.read() as conn:
                collection = await collections.get(conn, collection_id)
            if collection is None or collection.root is None:
                raise NotFound("The collection is gone", cause="It was removed meanwhile")
            await self._index(context, collection, Path(collection.root), context.job.payload.get("only"))

    async def _index(self, context: JobContext, collection: Collection, root: Path, only: str | None) -> None:
        found = await _walk(root, only)
        async with self._db.read() as conn:
            known = {item.path: item for item in await documents.list_in(conn, collection.id)}
        gone = _gone(known, found, only)
        await self._delete(collection, gone)
        chunker = self._extractor.chunker
        changed = [file for file in found.files if _differs(known.get(file.path), file, chunker)]
        log.info(
            "folder_walked",
            collection=collection.id,
            files=len(found.files),
            changed=len(changed),
            gone=len(gone),
            left_out=len(found.left_out),
        )
        await context.progress(0, len(changed), "files", "extracting")
        group: list[Draft] = []
        left_out = [
            *found.left_out,
            *((f"{folder}/", UNREAD) for folder in found.unread if folder != EVERYTHING),
        ]
        read = 0
        for batches in _some(_batches(changed), READERS):
            for drafts in await asyncio.gather(
                *(self._drafts(root, batch, known, left_out) for batch in batches)
            ):
                for draft in drafts:
                    group.append(draft)
                    if sum(len(item.chunks) for item in group) >= GROUP:
                        await self._publisher.publish(collection, group, _still(context))
                        group = []
            read += sum(map(len, batches))
            if read == len(changed):
                await self._publisher.publish(collection, group, _still(context))
            await context.progress(read, state="extracting")
        await context.note(skipped=skipped.summary(left_out))
        await self._publisher.finish(collection, _still(context))

    async def _drafts(
        self,
        root: Path,
        files: Sequence[Found],
        known: Mapping[str, Document],
        left_out: list[tuple[str, str]],
    ) -> list[Draft]:
        """The files as read, but for those where there is nothing to change. Why a file became no document,
        `left_out` is told."""
        wanted: list[tuple[Found, str, str]] = []
        same: list[tuple[Found, Document]] = []
        for file, seen in zip(files, await asyncio.to_thread(_look_at, root, files), strict=True):
            document = known.get(file.path)
            if isinstance(seen, OSError):
                # Gone since the walk: the next one will tell.
                if not isinstance(seen, FileNotFoundError):
                    left_out.append((file.path, UNREAD))
            elif document and self._is_read(document, seen[0]):
                same.append((file, document))
            else:
                wanted.append((file, *seen))
        await self._touch(same)
        read = await self._extractor.extract_many([(root / file.path, _name(file)) for file, *_ in wanted])
        drafts = []
        for (file, sha256, media_type), content in zip(wanted, read, strict=True):
            document = known.get(file.path)
            if isinstance(content, sniff.NotText) and document is None:
                empty = isinstance(content, sniff.EmptyText)
                left_out.append((file.path, "empty" if empty else "not text"))
                continue
            drafts.append(
                Draft(
                    document_id=document.id if document else None,
                    path=file.path,
                    title=shown(_name(file)),
                    media_type=content.media_type if isinstance(content, Extracted) else media_type,
                    size=file.size,
                    sha256=sha256,
                    mtime_ns=file.mtime_ns,
                    content=content if isinstance(content, Extracted) else _reason(content, _name(file)),
                    chunker=self._extractor.chunker,
                )
            )
        return drafts

    def _is_read(self, document: Document, sha256: str) -> bool:
        current = (document.state, document.sha256, document.chunker)
        return current == ("ready", sha256, self._extractor.chunker)

    async def _touch(self, same: Sequence[tuple[Found, Document]]) -> None:
        """Remember the new times of files whose bytes are the old ones."""
        if not same:
            return
        async with self._db.write() as conn:
            for file, document in same:
                await documents.set_content(
                    conn,
                    document.id,
                    size=file.size,
                    sha256=document.sha256,
                    mtime_ns=file.mtime_ns,
                    revision=document.revision,
                )

    async def _delete(self, collection: Collection, gone: Sequence[Document]) -> None:
        for start in range(0, len(gone), DELETE_GROUP):
            async with self._db.write() as conn:
                revision = await collections.bump(conn, collection.id)
                for document in gone[start : start + DELETE_GROUP]:
                    await documents.mark_deleted(conn, document.id, revision)


async def _walk(root: Path, only: str | None) -> Walk:
    try:
        found = await asyncio.to_thread(walk, root, only)
    except OSError as error:
        raise NotFound(
            f"{root} cannot be read",
            cause=error.strerror or "",
            remedy="Check that the folder is there and that you may read it",
        ) from error
    if only is not None and not found.files:
        reason = found.left_out[0][1] if found.left_out else "it is not there"
        raise UnreadableDocument(
            f"{only} was not indexed", cause=f"It is left out: {reason}", remedy="Choose another file"
        )
    return found


def _gone(known: dict[str, Document], found: Walk, only: str | None) -> list[Document]:
    """Documents whose file is not there any more; what could not be looked into is left alone."""
    there = {file.path for file in found.files}
    if only is not None:
        return []
    return [
        document
        for path, document in known.items()
        if path not in there
        and not any(folder == EVERYTHING or path.startswith(f"{folder}/") for folder in found.unread)
    ]


def _differs(document: Document | None, file: Found, chunker: str) -> bool:
    if document is None or document.state not in ("ready", "failed"):
        return True
    current = (document.size, document.mtime_ns, document.chunker)
    return current != (file.size, file.mtime_ns, chunker)


def _batches(files: Sequence[Found]) -> Iterator[list[Found]]:
    """The files in their order, as many together as a child should read in one go."""
    batch: list[Found] = []
    size = 0
    for file in files:
        if batch and (len(batch) == BATCH_FILES or size + file.size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _some(batches: Iterator[list[Found]], count: int) -> Iterator[list[list[Found]]]:
    while some := list(islice(batches, count)):
        yield some


def _name(file: Found) -> str:
    return PurePosixPath(file.path).name


def _reason(error: PetraError, name: str) -> str:
    return f"{name} is empty or not text any more." if isinstance(error, sniff.NotText) else str(error)


def _look_at(root: Path, files: Sequence[Found]) -> list[tuple[str, str] | OSError]:
    """What `_look` says of each file. Blocking."""
    found: list[tuple[str, str] | OSError] = []
    for file in files:
        try:
            found.append(_look(root / file.path, _name(file)))
        except OSError as error:
            found.append(error)
    return found


def _look(path: Path, name: str) -> tuple[str, str]:
    """SHA-256 of a file, in hex, and what it seems to be. Blocking."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        head = file.read(1024)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), sniff.media_type(head, name)


def _still(context: JobContext) -> Progress:
    """Progress of embedding within a job that counts files: shows the state, and ends it when asked."""

    async def progress(done: int, total: int) -> None:
        await context.progress(context.job.done, state="embedding" if done < total else None)

    return progress
