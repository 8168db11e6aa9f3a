"""Removing what nobody needs any more: marks of what was deleted, vectors and indexes that no version
uses, bytes without a row. Safe while the server runs."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from petra.knowledge.index import Indexes
from petra.storage import collections, index_versions, tombstones, uploads, vectors
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.telemetry import logger

log = logger("petra.knowledge.gc")

ARRIVING_SECONDS = 3600.0
"""A blob without a row that was written to more recently may be an upload that is arriving."""
_OURS = re.compile(r"v\d+|[0-9a-f]{32}")
"""Names that Petra gives to folders of indexes."""


@dataclass(frozen=True)
class Freed:
    """What was removed: `marks` of deleted passages and documents, `vectors`, `indexes` (folders), `blobs`,
    and the bytes of the last three."""

    marks: int = 0
    vectors: int = 0
    indexes: int = 0
    blobs: int = 0
    bytes: int = 0

    def as_values(self) -> dict[str, int]:
        """As JSON values."""
        return asdict(self)


async def collect(
    db: Database, indexes: Indexes, folder: Path, blobs: FileBlobs | None, *, previous: bool = False
) -> Freed:
    """Remove it. `folder` is that of the versions, `indexes` the active one of them; without `blobs` those
    are left alone. `previous` gives up the version that could be gone back to, too."""
    async with db.write() as conn:
        if previous:
            await index_versions.drop_previous(conn)
        kept = await index_versions.all_of_them(conn)
    active = next(folder / version.folder for version in kept if version.state == "active")
    removed_marks = await _marks(db, indexes, active)
    removed_vectors, vector_bytes = 0, 0
    for model in await _unused_models(db, {version.model_id for version in kept}):
        count, of_model = await _vectors(db, model)
        removed_vectors, vector_bytes = removed_vectors + count, vector_bytes + of_model
    folders, folder_bytes = await sweep_indexes(db, folder)
    swept, blob_bytes = 0, 0
    if blobs:
        swept, blob_bytes = await blobs.sweep_idle(ARRIVING_SECONDS, lambda: _uploads(db))
    size = vector_bytes + folder_bytes + blob_bytes
    freed = Freed(removed_marks, removed_vectors, folders, swept, size)
    log.info("garbage_collected", **freed.as_values())
    return freed


async def sweep_indexes(db: Database, folder: Path) -> tuple[int, int]:
    """Remove the folders below `folder` that are of no version, or of no collection, and say how many those
    were and of how many bytes."""
    async with db.read() as conn:
        kept = {version.folder for version in await index_versions.all_of_them(conn)}
    # Looked for before the collections are: what has come since is no garbage.
    found = await asyncio.to_thread(_folders, folder, kept)
    async with db.read() as conn:
        there = {item.id for item in await collections.everybodys(conn)}
    unwanted = [path for path in found if path.parent == folder or path.name not in there]
    return len(unwanted), await asyncio.to_thread(_removed, unwanted)


async def _marks(db: Database, indexes: Indexes, active: Path) -> int:
    """Marks that the active index has seen, also as it lies on the disk. One that has not would take a
    deleted passage for a live one, notice that, and be built again from rows: right, but slow. The version
    before may have to do that, should anybody go back to it."""
    removed = 0
    async with db.read() as conn:
        everything = await collections.everybodys(conn)
    for collection in everything:
        seen = await indexes.refresh(collection.id, settle=True)
        settled = await asyncio.to_thread(_watermark, active / collection.id, seen)
        while some := await _some_marks(db, collection.id, min(seen, settled)):
            removed += some
    return removed


async def _some_marks(db: Database, collection_id: str, revision: int) -> int:
    async with db.write() as conn:
        return await tombstones.remove(conn, collection_id, revision)


async def _unused_models(db: Database, used: set[str]) -> list[str]:
    async with db.read() as conn:
        return [model for model in await vectors.models(conn) if model not in used]


async def _vectors(db: Database, model: str) -> tuple[int, int]:
    count, size = 0, 0
    while True:
        async with db.write() as conn:
            some, some_bytes = await vectors.remove_some(conn, model)
        if not some:
            return count, size
        count, size = count + some, size + some_bytes


async def _uploads(db: Database) -> list[str]:
    async with db.read() as conn:
        return await uploads.all_ids(conn)


def _watermark(folder: Path, default: int) -> int:
    """The newest generation there is of a collection. Blocking."""
    names = [path.name.split(".") for path in folder.glob("[0-9]*")]
    revisions = [int(parts[0]) for parts in names if all(part.isdigit() for part in parts)]
    return max(revisions, default=default)


def _folders(root: Path, versions: set[str]) -> list[Path]:
    """Indexes that no version uses, and those of collections in the ones that are used. Blocking."""
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if _OURS.fullmatch(path.name) and path.name not in versions]
    for version in versions:
        inside = (root / version).iterdir() if (root / version).is_dir() else ()
        found += [path for path in inside if _OURS.fullmatch(path.name)]
    return found


def _removed(folders: Sequence[Path]) -> int:
    """Remove folders, and say how many bytes were in them. Blocking."""
    size = 0
    for path in folders:
        size += size_of(path)
        shutil.rmtree(path, ignore_errors=True)
    return size


def remove_index(root: Path, collection_id: str) -> None:
    """Remove the index of one collection from all versions below `root`. Blocking."""
    for path in root.glob(f"v*/{collection_id}"):
        shutil.rmtree(path, ignore_errors=True)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder, one that is linked several times counted once. Blocking."""
    sizes: dict[tuple[int, int], int] = {}
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except OSError:  # a generation that was replaced meanwhile
            continue
        if not path.is_dir():
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())
