"""Opening what lasts: the data directory, the database, the bytes of uploads."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from petra import rendezvous, telemetry
from petra.knowledge import gc
from petra.settings import Settings
from petra.storage import conversations, index_versions, uploads, users
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.index_versions import IndexVersion

log = telemetry.logger(__name__)


@dataclass(frozen=True)
class Storage:
    """The rows and the bytes, the id of whose machine this is, and the index's version that answers."""

    db: Database
    blobs: FileBlobs
    owner_id: str
    version: IndexVersion


async def open_storage(settings: Settings, stack: AsyncExitStack) -> Storage:
    """Open it, and put right what a crash may have left. Raises StorageError."""
    await asyncio.to_thread(_prepare, settings.data_dir)
    db = await Database.open(settings.database)
    stack.push_async_callback(db.close)
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        interrupted = await conversations.interrupt_streaming(conn)
        version = await index_versions.at_start(conn, settings.embedding_model)
    if interrupted:
        log.info("answers_interrupted_by_restart", count=interrupted)
    return Storage(db, FileBlobs(settings.uploads), owner.id, version)


async def sweep(settings: Settings, storage: Storage) -> None:
    """Remove indexes that nobody's rows speak of any more, and uploads that were never acknowledged. A folder
    of one's own choosing may be shared: what has no row here may have one there."""
    folders, _ = await gc.sweep_indexes(storage.db, settings.indexes)
    if folders:
        log.info("indexes_removed", count=folders)
    if settings.uploads_dir is None:
        async with storage.db.read() as conn:
            acknowledged = await uploads.all_ids(conn)
        await storage.blobs.sweep(acknowledged)


def _prepare(data_dir: Path) -> None:
    """Where the data directory is in a folder that is indexed: what Petra writes there is no document, and
    following it would never end."""
    rules = data_dir / ".petraignore"
    with rendezvous.writable(data_dir):
        if not rules.exists():
            rules.write_text("*\n", encoding="utf-8")
