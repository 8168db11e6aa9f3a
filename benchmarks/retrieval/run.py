"""nDCG@10 of a folder in BEIR layout, through the same code as an indexed folder of a person.

    python benchmarks/retrieval/run.py FOLDER [--work DIR] [--queries N]

Each document becomes a Markdown file; a document ranks where its best passage does. With `--work` the
index is kept and used again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from petra.inference.client import ModelEndpoint
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.index import Indexes
from petra.knowledge.ingest import Ingest
from petra.knowledge.search import Passage, Searcher
from petra.settings import Settings
from petra.storage import users
from petra.storage.blobs import FileBlobs
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner

MODEL = "all-MiniLM-L6-v2"
DEPTH = 50


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--queries", type=int, default=0, help="only the first N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        corpus = work / "corpus"
        write_corpus(options.folder, corpus)
        with embedder(work) as address:
            result = asyncio.run(measure(options.folder, work, corpus, address, options.queries))
    print(json.dumps({"folder": options.folder.name, **result}))


def write_corpus(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for line in (folder / "corpus.jsonl").read_text().splitlines():
        item = json.loads(line)
        path = target / f"{item['_id']}.md"
        if not path.exists():
            path.write_text(f"# {item['title']}\n\n{item['text']}\n" if item.get("title") else item["text"])


@contextmanager
def embedder(work: Path) -> Iterator[str]:
    """A worker of its own."""
    socket = work / "embed.sock"
    command = [sys.executable, "-m", "petra.inference.worker", "embed", "--listen", f"unix:{socket}"]
    worker = subprocess.Popen(
        [*command, "--model", str(Settings().models / MODEL)], env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    try:
        while not socket.exists():
            time.sleep(0.2)
        yield f"unix:{socket}"
    finally:
        worker.terminate()
        worker.wait()


@asynccontextmanager
async def room(work: Path, address: str) -> AsyncIterator[tuple[Ingest, Searcher, JobRunner, str]]:
    settings = Settings()
    db = await Database.open(f"sqlite+aiosqlite:///{work / 'petra.db'}")
    endpoint = ModelEndpoint(address)

    async def use() -> ModelEndpoint:
        return endpoint

    indexes = Indexes(db, work / "indexes", MODEL)
    extractor = Extractor(
        tokenizer=settings.models / MODEL / "tokenizer.json",
        chunk_size=settings.chunk_size,
        chunk_overlap=settings.chunk_overlap,
    )
    ingest = Ingest(
        db, FileBlobs(work / "uploads"), extractor, indexes, use, MODEL, wake=lambda: runner.wake()
    )
    runner = JobRunner(db, ingest.handlers)
    async with db.write() as conn:
        owner = await users.ensure_owner(conn)
    await runner.start()
    try:
        yield ingest, Searcher(db, indexes, use), runner, owner.id
    finally:
        await runner.stop()
        await extractor.close()
        await endpoint.close()
        await indexes.close()
        await db.close()


async def measure(folder: Path, work: Path, corpus: Path, address: str, most: int) -> dict[str, float | int]:
    relevant = judgements(folder)
    queries = [json.loads(line) for line in (folder / "queries.jsonl").read_text().splitlines()]
    asked = [query for query in queries if query["_id"] in relevant][: most or None]
    async with room(work, address) as (ingest, searcher, runner, owner):
        begin = time.perf_counter()
        collection, job = await ingest.index_path(owner, corpus)
        ended = await runner.wait(job.id)
        if ended.state != "ready":
            raise SystemExit(f"indexing failed: {ended.reason}")
        indexed = time.perf_counter() - begin
        gains, seconds = [], []
        for query in asked:
            begin = time.perf_counter()
            found = await searcher.search(query["text"], [collection.id], DEPTH)
            seconds.append(time.perf_counter() - begin)
            gains.append(ndcg(ranking(found), relevant[query["_id"]]))
    return {
        "queries": len(gains),
        "ndcg@10": round(sum(gains) / len(gains), 4),
        "index_s": round(indexed, 1),
        "search_p50_ms": round(sorted(seconds)[len(seconds) // 2] * 1000, 1),
    }


def judgements(folder: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            found.setdefault(query, {})[document] = int(grade)
    return found


def ranking(found: list[Passage]) -> list[str]:
    return list(dict.fromkeys(passage.path.removesuffix(".md") for passage in found))


def ndcg(ranked: list[str], relevant: dict[str, int], k: int = 10) -> float:
    gain = sum(relevant.get(id, 0) / math.log2(at + 2) for at, id in enumerate(ranked[:k]))
    best = sum(
        grade / math.log2(at + 2) for at, grade in enumerate(sorted(relevant.values(), reverse=True)[:k])
    )
    return gain / best


if __name__ == "__main__":
    main()
