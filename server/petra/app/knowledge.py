"""Opening what reads documents and finds passages, with the jobs that do the reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from petra.app import inference
from petra.app.storage import Storage
from petra.inference.pull_job import KIND as PULL
from petra.inference.pull_job import PullJob, enqueue_missing
from petra.inference.supervisor import Supervisor
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.reranking import Reranker
from petra.knowledge.search import Searcher
from petra.knowledge.space import Space
from petra.knowledge.stage import Stage
from petra.knowledge.static import NAME as STATIC
from petra.knowledge.static import StaticVectors
from petra.knowledge.upkeep import Upkeep
from petra.knowledge.watch import Watching
from petra.lsp.open_files import OpenFiles
from petra.settings import Settings
from petra.storage.job_runner import JobRunner


@dataclass(frozen=True)
class Knowledge:
    """Documents in, passages out."""

    extractor: Extractor
    searcher: Searcher
    upkeep: Upkeep
    ingest: Ingest
    jobs: JobRunner
    watching: Watching


async def open_knowledge(
    settings: Settings, storage: Storage, supervisor: Supervisor, open_files: OpenFiles, stack: AsyncExitStack
) -> Knowledge:
    """Open it, take up the jobs that a stop interrupted, and follow the folders."""
    extractor = await _extractor(settings, stack)
    stage = await _stage(settings, storage, supervisor)
    space = stage.first(storage.version)
    searcher = Searcher(storage.db, space.indexes, space.query, reranker=_reranker(settings, supervisor))
    stack.push_async_callback(searcher.close)

    async def swapped(space: Space) -> None:
        searcher.switch(space)
        await ingest.switch(space)

    # A folder of one's own choosing may be shared: what has no row here may have one there.
    blobs = storage.blobs if settings.uploads_dir is None else None
    upkeep = Upkeep(storage.db, settings.indexes, blobs, space, stage.beside, swapped)
    stack.push_async_callback(upkeep.close)
    ingest = _ingest(storage, extractor, space, lambda: jobs.wake(), open_files, stack)
    jobs = _jobs(settings, storage, supervisor, ingest, upkeep, stack)
    await enqueue_missing(storage.db, storage.owner_id, settings.models, inference.fetched_unasked(settings))
    await ingest.renew()
    await jobs.start()
    watching = Watching(storage.db, ingest.changed, unasked=settings.watch)
    stack.push_async_callback(watching.stop)
    await watching.start()
    return Knowledge(extractor, searcher, upkeep, ingest, jobs, watching)


async def _extractor(settings: Settings, stack: AsyncExitStack) -> Extractor:
    extractor = Extractor(
        # The embedder's, where a local model has one.
        tokenizer=settings.models / settings.embedding_model / "tokenizer.json",
        chunk_size=settings.chunk_size,
        chunk_overlap=settings.chunk_overlap,
        memory=settings.extract_memory,
        timeout=settings.extract_timeout,
        page_limit=settings.page_limit,
        text_limit=settings.text_limit,
    )
    stack.push_async_callback(extractor.close)
    return extractor


async def _stage(settings: Settings, storage: Storage, supervisor: Supervisor) -> Stage:
    """What opens a version of the index, now and when another is built."""
    static = await asyncio.to_thread(_static, settings)
    return Stage(
        supervisor,
        lambda version: Indexes(
            storage.db,
            settings.indexes / version.folder,
            version.model_id,
            similarity=settings.similarity,
            static=static.embed if static else None,
        ),
        lambda model, version: inference.embedders(settings, model, f"-{version}"),
    )


def _static(settings: Settings) -> StaticVectors | None:
    """What stands in for the embedder until it has been through everything, unless it is that itself."""
    return None if settings.embedding_model == STATIC else StaticVectors.installed(settings.models)


def _reranker(settings: Settings, supervisor: Supervisor) -> Reranker | None:
    if not settings.rerank_model:
        return None
    return Reranker(lambda: supervisor.use("rerank"), settings.rerank_seconds)


def _ingest(
    storage: Storage,
    extractor: Extractor,
    space: Space,
    wake: Callable[[], None],
    open_files: OpenFiles,
    stack: AsyncExitStack,
) -> Ingest:
    ingest = Ingest(
        storage.db,
        storage.blobs,
        extractor,
        space.indexes,
        space.bulk,
        storage.version.model_id,
        wake,
        embed_now=space.query,
        open_files=open_files.paths,
    )
    stack.push_async_callback(ingest.close)
    return ingest


def _jobs(
    settings: Settings,
    storage: Storage,
    supervisor: Supervisor,
    ingest: Ingest,
    upkeep: Upkeep,
    stack: AsyncExitStack,
) -> JobRunner:
    pull = PullJob(settings.models, inference.retry(supervisor))
    jobs = JobRunner(storage.db, {**ingest.handlers, **upkeep.handlers, PULL: pull})
    stack.push_async_callback(jobs.stop)
    return jobs
