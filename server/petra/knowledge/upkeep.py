"""Looking after the index: building it anew, removing what nobody needs, saying how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from petra.knowledge import gc
from petra.knowledge.reindex import Reindex
from petra.knowledge.space import Space, Staged
from petra.storage import collections, counts, index_versions
from petra.storage.blobs import FileBlobs
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.index_versions import IndexVersion
from petra.storage.job_runner import JobContext, JobHandler


@dataclass(frozen=True)
class Indexed:
    """How a collection is: documents by state, chunks, how many of these have a vector of the active
    model, and the bytes of its index on the disk."""

    collection: Collection
    states: Mapping[str, int]
    chunks: int
    embedded: int
    bytes: int


class Upkeep:
    """`handlers` do the jobs "reindex" and "gc", one at a time. `folder` holds the versions; without `blobs`
    those are left alone."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        blobs: FileBlobs | None,
        current: Space,
        stage: Callable[[IndexVersion, Space], Staged],
        swapped: Callable[[Space], Awaitable[None]],
    ) -> None:
        self._db = db
        self._folder = folder
        self._blobs = blobs
        self._turn = asyncio.Lock()
        self._reindex = Reindex(db, current, stage, swapped, self._turn)

    @property
    def current(self) -> Space:
        """The space that answers now."""
        return self._reindex.current

    @property
    def handlers(self) -> Mapping[str, JobHandler]:
        """What the job runner needs."""
        return {"reindex": self._reindex, "gc": self._gc}

    async def close(self) -> None:
        """Close the index that answers now."""
        await self.current.indexes.close()

    async def forget(self, collection_id: str) -> None:
        """Remove the index of a collection whose rows are gone, in every version of the index."""
        await self.current.indexes.forget(collection_id)
        await asyncio.to_thread(gc.remove_index, self._folder, collection_id)

    async def versions(self) -> list[IndexVersion]:
        """All versions there are, oldest first."""
        async with self._db.read() as conn:
            return await index_versions.all_of_them(conn)

    async def state(self, owner_id: str) -> list[Indexed]:
        """How the collections of one person are."""
        version = self.current.version
        async with self._db.read() as conn:
            mine = await collections.list_for(conn, owner_id)
            counted = [
                (
                    item,
                    await counts.documents_by_state(conn, item.id),
                    *await counts.embedded(conn, item.id, owner_id, version.model_id),
                )
                for item in mine
            ]
        folder = self._folder / version.folder
        sizes = await asyncio.to_thread(lambda: [gc.size_of(folder / item.id) for item in mine])
        return [Indexed(*item, size) for item, size in zip(counted, sizes, strict=True)]

    async def _gc(self, context: JobContext) -> None:
        """Handle a job of kind "gc", payload {"previous": whether to give up the version before}."""
        async with self._turn:
            freed = await gc.collect(
                self._db,
                self.current.indexes,
                self._folder,
                self._blobs,
                previous=bool(context.job.payload.get("previous")),
            )
        await context.note(freed=freed.as_values())
