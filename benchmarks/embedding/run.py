"""Embedding and reranking: every way of computing side by side in one run, as passages a second.

    python benchmarks/embedding/run.py [--rounds N] [--json]

The ways take turns on a quarter of the passages each, so that what else the machine does slows all of them.
The last lines are about questions: how long one waits, alone and while documents are embedded.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
from sentence_transformers import SentenceTransformer

from petra import settings
from petra.inference.worker.embed import EmbedEngine, Encoder
from petra.inference.worker.embed_encoder import SentenceEncoder
from petra.inference.worker.embed_runner import EmbedRunner
from petra.inference.worker.engine import Vectors
from petra.inference.worker.rerank import RerankEngine
from petra.inference.worker.static import StaticEncoder

MODEL, STATIC, RERANK = "all-MiniLM-L6-v2", "all-MiniLM-L6-v2-static", "ms-marco-MiniLM-L-12-v2"
BASE = "sentence-transformers, float32"
ROOT = Path(__file__).parents[2]
PASSAGES, LETTERS, QUARTERS = 200, 600, 4
QUESTION = "How does the page replacement simulator evict pages?"

Way = Callable[[list[str]], Vectors]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    options = parser.parse_args()
    models, texts = settings.load().models, passages()
    rows = compare(ways(models, options.threads), texts, options.rounds)
    rows += asyncio.run(questions(models, texts, options.threads))
    if options.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(row.pop("what").ljust(44), "  ".join(f"{name} {value}" for name, value in row.items()))


def passages() -> list[str]:
    """Half from a course, half from source code: whole paragraphs up to about 600 letters."""
    found: list[list[str]] = []
    for paths in (ROOT.glob("tests/course/*.md"), ROOT.glob("server/petra/knowledge/**/*.py")):
        pieces: list[str] = []
        for path in sorted(paths):
            text = ""
            for paragraph in path.read_text(encoding="utf-8").split("\n\n"):
                text = f"{text}\n\n{paragraph}".strip()
                if len(text) > LETTERS:
                    pieces.append(text)
                    text = ""
        found.append(pieces[:: max(1, 2 * len(pieces) // PASSAGES)][: PASSAGES // 2])
    return [text for part in found for text in part]


def ways(models: Path, threads: int) -> dict[str, Way]:
    """What is compared; the first is the base of all ratios."""
    full = SentenceEncoder(models / MODEL, threads=threads, fp32=True)
    half, eighth = copy.deepcopy(full), copy.deepcopy(full)
    half._model[0].model.bfloat16()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that this way moves to another package
        eighth._model[0].model = torch.ao.quantization.quantize_dynamic(
            eighth._model[0].model, {torch.nn.Linear}, dtype=torch.qint8
        )
    plain = SentenceTransformer(str(models / MODEL), local_files_only=True)

    def base(texts: list[str]) -> Vectors:
        torch.set_num_threads(threads)
        vectors: Vectors = plain.encode(texts, batch_size=32, normalize_embeddings=True)
        return vectors

    found: dict[str, Way] = {
        BASE: base,
        "Petra, float32": served(full),
        "Petra, bfloat16": served(half),
        "Petra, int8 by torch (refused: its cosine)": served(eighth),
    }
    if (models / STATIC).is_dir():
        found["static"] = served(StaticEncoder(models / STATIC))
    return found


def served(encoder: Encoder) -> Way:
    """As the worker does it: batches beside each other, each in one thread."""

    def compute(rows: list[list[int]]) -> Vectors:
        torch.set_num_threads(1)
        return encoder.encode(rows)

    async def encode(texts: list[str]) -> Vectors:
        runner = EmbedRunner(compute, encoder.batching)
        rows = encoder.read(texts)
        vectors = await runner.run(rows, [len(row) for row in rows])
        await runner.close()
        return vectors

    return lambda texts: asyncio.run(encode(texts))


def compare(ways: dict[str, Way], texts: list[str], rounds: int) -> list[dict[str, Any]]:
    """Ratios of time; beside it what a core does in a second of its own, which other programs change less."""
    vectors = {name: way(texts) for name, way in ways.items()}
    exact = vectors[BASE]
    wall: dict[str, list[float]] = {name: [0.0] * rounds for name in ways}
    busy: dict[str, list[float]] = {name: [0.0] * rounds for name in ways}
    for number in range(rounds):
        for quarter in range(QUARTERS):
            for name, way in ways.items():
                started, used = time.perf_counter(), time.process_time()
                way(texts[quarter::QUARTERS])
                wall[name][number] += time.perf_counter() - started
                busy[name][number] += time.process_time() - used
    base = statistics.median(wall[BASE])
    rows = []
    for name, found in vectors.items():
        row = {
            "what": name,
            "passages/s": round(len(texts) / statistics.median(wall[name]), 1),
            "ratio": round(base / statistics.median(wall[name]), 2),
            "per core": round(len(texts) / statistics.median(busy[name]), 1),
        }
        if found.shape == exact.shape:
            row["least cosine"] = round(float((found * exact).sum(axis=1).min()), 4)
        rows.append(row)
    return rows


async def questions(models: Path, texts: list[str], threads: int) -> list[dict[str, Any]]:
    """Milliseconds for one question's vector, and pairs a second of the reranker."""
    engine = EmbedEngine.load(MODEL, models / MODEL, threads=threads)
    alone = [await waited(engine) for _ in range(20)]
    documents = asyncio.create_task(engine.embed(texts * 10))
    await asyncio.sleep(1)
    beside = [await waited(engine) for _ in range(20)]
    documents.cancel()
    await asyncio.gather(documents, return_exceptions=True)
    await engine.close()
    found = [
        {
            "what": f"a question, {what}",
            "median ms": round(statistics.median(times)),
            "worst ms": round(max(times)),
        }
        for what, times in (("nothing else to do", alone), ("while documents are embedded", beside))
    ]
    if (models / RERANK).is_dir():
        reranker = RerankEngine(RERANK, models / RERANK, threads=threads)
        started = time.perf_counter()
        await reranker.rerank(QUESTION, texts[:60])
        rate = 60 / (time.perf_counter() - started)
        found.append({"what": "reranker", "pairs/s": round(rate, 1)})
        await reranker.close()
    return found


async def waited(engine: EmbedEngine) -> float:
    started = time.perf_counter()
    await engine.embed([QUESTION])
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    sys.exit(main())
