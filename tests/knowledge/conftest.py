"""Real parts for the room's tests: a SQLite file, extraction children, the default embedder's worker."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from petra.inference.client import ModelEndpoint
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Searcher
from petra.settings import Settings
from petra.storage import collections, jobs, users
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner
from petra.storage.jobs import Job

MINILM = Settings().models / "all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def never_block() -> Iterator[None]:
    """Whatever holds the event loop in this room fails the test."""
    with blockbuster_ctx("petra.knowledge"):
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Path:
    path = MINILM / "tokenizer.json"
    if not path.is_file():
        pytest.skip("the embedding model is not there: petra models pull all-MiniLM-L6-v2")
    return path


@pytest.fixture
async def extractor(tokenizer: Path) -> AsyncIterator[Extractor]:
    extractor = Extractor(tokenizer=tokenizer, chunk_size=200, chunk_overlap=32, timeout=30)
    yield extractor
    await extractor.close()


@pytest.fixture(scope="session")
def embed_address(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real embedding worker."""
    socket = tmp_path_factory.mktemp("embed") / "s"
    command = [sys.executable, "-m", "petra.inference.worker", "embed"]
    process = subprocess.Popen(
        [*command, "--listen", f"unix:{socket}", "--model", str(tokenizer.parent)],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    try:
        asyncio.run(_answers(f"unix:{socket}", process))
        yield f"unix:{socket}"
    finally:
        process.terminate()
        process.wait(20)


async def _answers(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        endpoint = ModelEndpoint(address)
        try:
            await endpoint.embed(["ready?"])
            return
        except Exception:
            await asyncio.sleep(0.1)
        finally:
            await endpoint.close()
    raise RuntimeError("the embedding worker did not start")


def aged(root: Path) -> None:
    """Make the files below `root` old: one that was written in the last moments is looked into twice."""
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))


class CountingEndpoint(ModelEndpoint):
    """The real endpoint; remembers how many texts it was given."""

    embedded = 0

    async def embed(self, texts: Sequence[str]) -> Any:
        self.embedded += len(texts)
        return await super().embed(texts)


@dataclass
class Room:
    """The knowledge room as `app/` builds it, and its owner."""

    db: Database
    blobs: FileBlobs
    indexes: Indexes
    extractor: Extractor
    endpoint: CountingEndpoint
    ingest: Ingest
    searcher: Searcher
    runner: JobRunner
    owner: str
    uploads: str

    async def indexed(self, path: Path, name: str | None = None) -> tuple[collections.Collection, Job]:
        """The collection of a folder, after its job has ended and what it has published is embedded."""
        collection, job = await self.ingest.index_path(self.owner, path, name)
        ended = await self.runner.wait(job.id)
        await self.embedded(collection.id)
        return collection, ended

    async def embedded(self, collection_id: str) -> Job | None:
        """Wait until nothing of a collection is to be embedded any more; the last job that did it."""
        job = None
        while True:
            async with self.db.read() as conn:
                following = await jobs.open_of(conn, "embed", collection_id)
            if following is None:
                return job
            job = await self.runner.wait(following.id)

    async def job(self, id: int) -> Job | None:
        async with self.db.read() as conn:
            return await jobs.get(conn, id)


@pytest.fixture
async def room(extractor: Extractor, embed_address: str, tmp_path: Path) -> AsyncIterator[Room]:
    """Everything but the doors, on the real model."""
    db = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'petra.db'}")
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
        uploads = await collections.create(conn, owner.id, "uploads")
    endpoint = CountingEndpoint(embed_address)

    async def use() -> ModelEndpoint:
        return endpoint

    indexes = Indexes(db, tmp_path / "indexes", "all-MiniLM-L6-v2")
    blobs = FileBlobs(tmp_path / "uploads")
    ingest = Ingest(db, blobs, extractor, indexes, use, "all-MiniLM-L6-v2", wake=lambda: runner.wake())
    runner = JobRunner(db, ingest.handlers)
    await runner.start()
    yield Room(
        db=db,
        blobs=blobs,
        indexes=indexes,
        extractor=extractor,
        endpoint=endpoint,
        ingest=ingest,
        searcher=Searcher(db, indexes, use, patience=60),
        runner=runner,
        owner=owner.id,
        uploads=uploads.id,
    )
    await runner.stop()
    await endpoint.close()
    await indexes.close()
    await db.close()
