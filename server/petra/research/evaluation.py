"""Asks labelled questions the way a person's are asked: through the ingest, the index and the searcher."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from petra.errors import PetraError
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Passage, Searcher
from petra.storage import documents, jobs
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.jobs import Job

POLL_SECONDS = 0.2
PATIENCE = 10.0
"""Seconds without a job after which what is missing will stay so."""

Watch = Callable[[Job], None]


class Evaluation:
    """One data directory's collections, questioned. `owner_id` owns what is indexed."""

    def __init__(
        self, db: Database, ingest: Ingest, indexes: Indexes, searcher: Searcher, owner_id: str
    ) -> None:
        self._db = db
        self._ingest = ingest
        self._indexes = indexes
        self._searcher = searcher
        self._owner_id = owner_id

    async def index(self, folder: Path, watch: Watch) -> Collection:
        """The collection that mirrors `folder`, once everything in it is embedded; `watch` is told of the
        jobs meanwhile. What is embedded already is not embedded again.

        Raises PetraError with the reason when a job fails, and when passages were left without a vector.
        """
        collection, job = await self._ingest.index_path(self._owner_id, folder)
        idle = 0.0
        while idle < PATIENCE:
            waiting = [item for item in await self._jobs(collection.id) if not item.ended]
            if waiting:
                watch(waiting[0])
            elif not await self._indexes.missing(collection.id):
                break
            idle = 0.0 if waiting else idle + POLL_SECONDS
            await asyncio.sleep(POLL_SECONDS)
        ended = next(item for item in await self._jobs(collection.id) if item.id == job.id)
        if ended.state != "ready":
            raise PetraError(f"{folder} could not be indexed", cause=ended.reason or ended.state)
        if missing := await self._indexes.missing(collection.id):
            raise PetraError(
                f"{len(missing)} passages of {folder} are not embedded",
                cause="The embedder did not do its part",
                remedy="Run it again; `petra status` with this data directory may tell why",
            )
        return collection

    async def ask(self, questions: Mapping[str, str], collection_id: str, k: int) -> dict[str, list[Passage]]:
        """The `k` best passages of each question, best first."""
        return {
            id: await self._searcher.search(question, [collection_id], k)
            for id, question in questions.items()
        }

    async def paths(self, collection_id: str) -> list[str]:
        """The files of a collection that could be read."""
        async with self._db.read() as conn:
            listed = await documents.list_in(conn, collection_id)
        return [item.path for item in listed if item.state == "ready"]

    async def _jobs(self, collection_id: str) -> list[Job]:
        async with self._db.read() as conn:
            mine = await jobs.list_for(conn, self._owner_id)
        return [job for job in mine if job.collection_id == collection_id]


def best_documents(passages: list[Passage], ids: Mapping[str, str]) -> list[str]:
    """A document ranks where its best passage does. `ids` are those of the collection, by path."""
    return list(dict.fromkeys(ids[passage.path] for passage in passages))
