"""The knowledge room and its upkeep as a server wires them, on a real database, real blobs and a real
folder, over stand-ins for the models and the extraction children."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petra.errors import ModelUnavailable, NotFound
from petra.knowledge import reindex
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.forget import Forgetting
from petra.knowledge.index import Indexes
from petra.knowledge.index.dense import Sizes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Searcher
from petra.knowledge.space import Space, Staged
from petra.knowledge.upkeep import Upkeep
from petra.knowledge.watch import Watching
from petra.storage import collections, index_versions, jobs, uploads, users
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.index_versions import IndexVersion
from petra.storage.job_runner import JobRunner
from petra.storage.jobs import Job

from .stand_ins import Paragraphs, Words

MODELS = ("model-a", "model-b", "model-c")
UPLOADS = "uploads"
FILES = "files"

# A swap waits for searches in the old version; nobody searches here meanwhile.
reindex.GRACE_SECONDS = 0.0


@dataclass
class House:
    """One life of a server over `folder`; what is in there outlives it."""

    folder: Path
    db: Database
    blobs: FileBlobs
    ingest: Ingest
    searcher: Searcher
    upkeep: Upkeep
    runner: JobRunner
    forgetting: Forgetting
    owner: str
    uploads: str
    endpoints: Mapping[str, Words]

    @property
    def files(self) -> Path:
        """The folder that is indexed."""
        return self.folder / FILES

    @property
    def model(self) -> str:
        """The model whose vectors count."""
        return self.upkeep.current.version.model_id

    @property
    def indexes(self) -> Indexes:
        """Those of the active version."""
        return self.upkeep.current.indexes

    @classmethod
    async def open(cls, folder: Path, extractor: Extractor | None = None) -> House:
        """As `app/` does it."""
        (folder / FILES).mkdir(parents=True, exist_ok=True)
        db = await Database.open(f"sqlite+aiosqlite:///{folder / 'petra.db'}")
        async with db.write() as conn:
            owner = (await users.ensure_owner(conn)).id
            mine = await collections.by_name(conn, owner, UPLOADS)
            mine = mine or await collections.create(conn, owner, UPLOADS)
            version = await index_versions.at_start(conn, MODELS[0])
            known = await uploads.all_ids(conn)
        blobs = FileBlobs(folder / "blobs")
        await blobs.sweep(known)
        endpoints = {model: Words(model) for model in MODELS}

        def space(version: IndexVersion) -> Space:
            async def use() -> Any:
                if version.model_id not in endpoints:
                    raise ModelUnavailable(f"There is no model named {version.model_id}")
                return endpoints[version.model_id]

            root = folder / "indexes" / version.folder
            indexes = Indexes(db, root, version.model_id, sizes=Sizes(segment=16, head=4))
            return Space(version, indexes, use, use)

        def stage(version: IndexVersion, _: Space) -> Staged:
            async def nothing() -> None:
                """There are no workers."""

            staged = space(version)
            return Staged(staged, lambda: staged, nothing)

        async def swapped(now: Space) -> None:
            searcher.switch(now)
            await ingest.switch(now)

        first = space(version)
        searcher = Searcher(db, first.indexes, first.query)
        ingest = Ingest(
            db,
            blobs,
            extractor or Paragraphs(),
            first.indexes,
            first.bulk,
            version.model_id,
            wake=lambda: runner.wake(),
        )
        upkeep = Upkeep(db, folder / "indexes", blobs, first, stage, swapped)
        runner = JobRunner(db, {**ingest.handlers, **upkeep.handlers})
        forgetting = Forgetting(db, blobs, runner, upkeep, searcher, Watching(db, ingest.changed))
        await ingest.renew()
        await runner.start()
        return cls(folder, db, blobs, ingest, searcher, upkeep, runner, forgetting, owner, mine.id, endpoints)

    async def close(self) -> None:
        """As a server that was asked to leave."""
        await self.runner.stop()
        await self.ingest.close()
        await self.indexes.close()
        await self.db.close()

    async def upload(self, text: str, name: str = "upload.txt") -> tuple[str, Job]:
        """As the door does it; acknowledged when it returns: the document, and the job that reads it."""
        id, content = uuid.uuid4().hex, text.encode()
        stored = await self.blobs.put(id, name, _once(content), 1 << 20)
        async with self.db.write() as conn:
            upload = await uploads.add(
                conn,
                id=id,
                owner_id=self.owner,
                filename=name,
                size=stored.size,
                sha256=hashlib.sha256(content).hexdigest(),
                media_type="text/plain",
            )
        document, job = await self.ingest.add_upload(self.owner, upload, self.uploads)
        return document.id, job

    async def index(self) -> Job:
        """Bring the collection to what the folder holds, and wait for that."""
        _, job = await self.ingest.index_path(self.owner, self.files)
        return await self.runner.wait(job.id)

    async def start(self, kind: str, **payload: Any) -> Job:
        """A job of upkeep, waiting to run."""
        async with self.db.write() as conn:
            job = await jobs.enqueue(conn, kind, self.owner, payload)
        self.runner.wake()
        return job

    async def upkept(self, kind: str, **payload: Any) -> Job:
        """The same, when it has ended."""
        return await self.runner.wait((await self.start(kind, **payload)).id)

    async def idle(self) -> Sequence[Job]:
        """Wait until no job is left, and return all there were."""
        while True:
            self.runner.wake()
            async with self.db.read() as conn:
                found = await jobs.list_for(conn, self.owner, 1000)
            if all(job.ended for job in found):
                return found
            await asyncio.sleep(0.005)

    async def embedded(self, seconds: float = 20.0) -> None:
        """Wait until every passage has its vector: what was just saved is embedded without a job."""
        async with self.db.read() as conn:
            mine = await collections.list_for(conn, self.owner)
        async with asyncio.timeout(seconds):
            for collection in mine:
                while await self.indexes.missing(collection.id):
                    await asyncio.sleep(0.005)

    async def mirrored(self) -> str | None:
        """The collection of the folder, once there is one."""
        async with self.db.read() as conn:
            mine = await collections.list_for(conn, self.owner)
        return next((item.id for item in mine if item.root == str(self.files.resolve())), None)

    async def remove(self, document_id: str) -> None:
        """Delete an upload; one that is gone already is fine."""
        try:
            await self.ingest.remove_document(self.owner, document_id)
        except NotFound:
            return


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
