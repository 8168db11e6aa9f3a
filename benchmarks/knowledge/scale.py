"""A collection of a hundred thousand chunks: how long a question takes, and what the server weighs."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.knowledge import corpora
from benchmarks.knowledge.lines import Aim, Line, percentile
from benchmarks.knowledge.served import serve
from benchmarks.knowledge.setting import Setting
from benchmarks.start import processes
from petra.app import Petra
from petra.knowledge.index.stored import to_stored
from petra.research import corpus
from petra.settings import Settings
from petra.storage import chunks, collections, documents, vectors
from petra.storage.chunks import NewChunk

CHUNKS, A_DOCUMENT, A_CHUNK = 100_000, 50, 110
DIMENSION = 384
WORDS = 30_000
QUESTIONS, WARM = 300, 30
COLLECTION = "scale"
SETTLE_S = 3.0


def questions(setting: Setting) -> list[Line]:
    """Milliseconds of a search, with the vector given and with the vector to be made. Each question is asked
    once: nothing can be remembered from the time before."""
    count = CHUNKS // 10 if setting.quick else CHUNKS
    settings = filled(setting, count)
    without, included = asyncio.run(_timed(settings))
    name = f"query among {count:,} chunks, p95, ms"
    return [
        Line(name, [percentile(without, 0.95)], Aim(most=15), note=_middle(without)),
        Line(
            "  embedding the question included",
            [percentile(included, 0.95)],
            Aim(most=40),
            note=_middle(included),
        ),
    ]


def memory(setting: Setting) -> list[Line]:
    """The server's own memory after some searches, less that of a server without documents."""
    count = CHUNKS // 10 if setting.quick else CHUNKS
    settings = filled(setting, count)
    asked = _questions(WARM)
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as name:
        empty = _weight(Path(name), asked)
    full = _weight(settings.data_dir, asked)
    note = f"{full:.0f} with them, {empty:.0f} without (proportional set size of the server)"
    return [Line(f"memory for {count:,} chunks, MiB", [full - empty], Aim(most=150), note=note)]


def filled(setting: Setting, count: int) -> Settings:
    """A data directory with so many distinct chunks, made once: words as often as in the standard library's
    descriptions, and vectors that point anywhere."""
    settings = setting.settings(setting.kept / f"scale-{count}")
    mark = settings.data_dir / "filled"
    if not mark.is_file():
        asyncio.run(_fill(settings, count))
        mark.touch()
    return settings


async def _fill(settings: Settings, count: int) -> None:
    random = np.random.default_rng(0)
    words, weights = _vocabulary()
    async with Petra.open(settings, workers=()) as petra:
        async with petra.db.write() as conn:
            collection = await collections.create(conn, petra.owner_id, COLLECTION)
        for number in range(count // A_DOCUMENT):
            rows = random.choice(words, (A_DOCUMENT, A_CHUNK), p=weights)
            new = [_chunk(place, " ".join(row)) for place, row in enumerate(rows)]
            points = random.standard_normal((A_DOCUMENT, DIMENSION)).astype(np.float32)
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            async with petra.db.write() as conn:
                revision = await collections.bump(conn, collection.id)
                document = await documents.add(
                    conn,
                    collection_id=collection.id,
                    owner_id=petra.owner_id,
                    path=f"notes/{corpus.file_name(number)}.txt",
                    title=f"{number}.txt",
                    media_type="text/plain",
                    size=0,
                    digest=f"{number:064x}",
                    revision=revision,
                    state="ready",
                )
                await chunks.add(conn, collection.id, [(document.id, chunk) for chunk in new], revision)
                known = {item.text_hash: to_stored(row) for item, row in zip(new, points, strict=True)}
                await vectors.put_many(conn, petra.owner_id, settings.embedding_model, known)
        await petra.indexes.refresh(collection.id, settle=True)


def _chunk(place: int, text: str) -> NewChunk:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return NewChunk(place, "", text, None, (place + 1, place + 1), digest)


async def _timed(settings: Settings) -> tuple[list[float], list[float]]:
    asked = _questions(2 * QUESTIONS + WARM)
    random = np.random.default_rng(1)
    async with Petra.open(settings, workers=("embed",)) as petra:
        async with petra.db.read() as conn:
            collection = await collections.by_name(conn, petra.owner_id, COLLECTION)
        assert collection
        await petra.supervisor.use("embed")
        given = _Given(random)

        async def take() -> Any:
            return given

        async def search(some: Sequence[str]) -> list[float]:
            times = []
            for question in some:
                started = time.perf_counter()
                found = await petra.searcher.search(question, [collection.id], 8)
                times.append((time.perf_counter() - started) * 1000)
                assert found
            return times

        await search(asked[:WARM])
        included = await search(asked[WARM : WARM + QUESTIONS])
        petra.searcher._use(petra.indexes, take)
        without = await search(asked[WARM + QUESTIONS :])
        return without, included


class _Given:
    """Stands for the embedder: a vector that costs nothing."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    async def embed(self, texts: Sequence[str]) -> Any:
        return self._random.standard_normal((len(texts), DIMENSION)).astype(np.float32)


def _weight(data_dir: Path, asked: Sequence[str]) -> float:
    with serve(data_dir) as server:
        for question in asked:
            with suppress(Exception):  # an empty server has no such collection
                server.search(question, COLLECTION)
        time.sleep(SETTLE_S)
        return processes.memory(server.pid)["process"]


def _questions(count: int) -> list[str]:
    random = np.random.default_rng(2)
    words, weights = _vocabulary()
    return [" ".join(random.choice(words, random.integers(3, 10), p=weights)) for _ in range(count)]


def _vocabulary() -> tuple[list[str], Any]:
    """Words and how often each is used."""
    counted = Counter(word for line in corpora.prose(0, 40_000, 100) for word in line.split())
    most = counted.most_common(WORDS)
    weights = np.array([number for _, number in most], np.float64)
    return [word for word, _ in most], weights / weights.sum()


def _middle(values: Sequence[float]) -> str:
    return f"median {percentile(values, 0.5):.1f}"
