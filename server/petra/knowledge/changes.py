"""What a person has just saved, published at once and without a job."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection as Some
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from petra.knowledge.filler import Filler
from petra.knowledge.publish import Publisher
from petra.knowledge.reading import FolderReader
from petra.knowledge.turns import Turns
from petra.knowledge.walk import Found, walk
from petra.storage import collections, documents
from petra.storage.collections import Collection
from petra.storage.database import Database


@dataclass
class _Seen:
    files: dict[str, Found] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """What became of some paths: `folders` are those that only a job walks, `left_out` the files that are
    there and cannot be searched, each with the reason, `removed` those that could be and are not there any
    more."""

    folders: Sequence[str] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    removed: Sequence[str] = ()


class Changes:
    """Publishes single files of folders: a few, since nothing shows how far it is."""

    def __init__(self, db: Database, reader: FolderReader, publisher: Publisher, filler: Filler) -> None:
        self._db = db
        self._reader = reader
        self._publisher = publisher
        self._filler = filler
        self._turns = Turns()

    async def publish(self, collection_id: str, paths: Some[str]) -> Published:
        """Bring the documents at `paths` (relative to the folder, with `/`) to what is there now: read,
        removed, or as they were."""
        async with self._turns.of(collection_id):
            looked = time.monotonic_ns()
            async with self._db.read() as conn:
                collection = await collections.get(conn, collection_id)
                known = await documents.known_at(conn, collection_id, list(paths))
            if collection is None or collection.root is None:
                return Published()
            root = Path(collection.root)
            seen = await asyncio.to_thread(_seen, root, sorted(paths))
            wanted = [
                file for path, file in seen.files.items() if self._reader.differs(known.get(path), file)
            ]
            reading = await self._reader.read(root, wanted, known, idle=False)
            below = tuple(f"{folder}/" for folder in seen.folders)
            gone = [
                item for path, item in known.items() if path not in seen.files and not path.startswith(below)
            ]
            await self._publisher.touch(reading.same)
            await self._publisher.publish(collection, reading.drafts, gone, ahead=looked)
        await self._embed(collection, [draft.path for draft in reading.drafts])
        failed = {draft.path: draft.content for draft in reading.drafts if isinstance(draft.content, str)}
        left_out = seen.left_out | dict(reading.left_out) | failed
        return Published(seen.folders, left_out, [item.path for item in gone])

    async def _embed(self, collection: Collection, paths: Sequence[str]) -> None:
        if paths:
            async with self._db.read() as conn:
                there = await documents.at_paths(conn, collection.id, paths)
            self._filler.soon(collection, [document.id for document in there])


def _seen(root: Path, paths: Sequence[str]) -> _Seen:
    """Which of these are files that become documents, and which are folders. Blocking."""
    seen = _Seen()
    for path in paths:
        if (root / path).is_dir():
            seen.folders.append(path)
        else:
            found = walk(root, path)
            seen.files |= {file.path: file for file in found.files}
            seen.left_out |= dict(found.left_out)
    return seen
