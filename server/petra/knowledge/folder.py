"""The job that brings a collection to what its folder holds now."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from petra.errors import NotFound, UnreadableDocument
from petra.knowledge import skipped
from petra.knowledge.embedding import Progress
from petra.knowledge.extract import sniff
from petra.knowledge.extract.extractor import Extracted, Extractor
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
        changed = [file for file in found.files if _differs(known.get(file.path), file)]
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
        for number, file in enumerate(changed, 1):
            draft = await self._draft(root, file, known.get(file.path), left_out)
            if draft:
                group.append(draft)
            last = number == len(changed)
            if group and (last or sum(len(item.chunks) for item in group) >= GROUP):
                await self._publisher.publish(collection, group, _still(context))
                group = []
            await context.progress(number, state="extracting")
        await context.note(skipped=skipped.summary(left_out))
        await self._publisher.finish(collection, _still(context))

    async def _draft(
        self, root: Path, file: Found, known: Document | None, left_out: list[tuple[str, str]]
    ) -> Draft | None:
        """The file as read; None when there is nothing to change. Why a file became no document, `left_out`
        is told."""
        path = root / file.path
        name = PurePosixPath(file.path).name
        content: Extracted | str
        try:
            sha256, media_type = await asyncio.to_thread(_look, path, name)
            if known and known.state == "ready" and known.sha256 == sha256:
                async with self._db.write() as conn:
                    await documents.set_content(
                        conn,
                        known.id,
                        size=file.size,
                        sha256=sha256,
                        mtime_ns=file.mtime_ns,
                        revision=known.revision,
                    )
                return None
            content = await self._extractor.extract(path, name)
            media_type = content.media_type
        except FileNotFoundError:
            # Gone since the walk: the next one will tell.
            return None
        except OSError:
            left_out.append((file.path, UNREAD))
            return None
        except sniff.NotText as error:
            if known is None:
                left_out.append((file.path, "empty" if isinstance(error, sniff.EmptyText) else "not text"))
                return None
            content = f"{name} is empty or not text any more."
        except UnreadableDocument as error:
            content = str(error)
        return Draft(
            document_id=known.id if known else None,
            path=file.path,
            title=shown(name),
            media_type=media_type,
            size=file.size,
            sha256=sha256,
            mtime_ns=file.mtime_ns,
            content=content,
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


def _differs(document: Document | None, file: Found) -> bool:
    if document is None or document.state not in ("ready", "failed"):
        return True
    return (document.size, document.mtime_ns) != (file.size, file.mtime_ns)


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
