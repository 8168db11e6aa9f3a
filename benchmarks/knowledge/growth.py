"""How the index of one collection grows: what a question, an edit, a start and the memory cost from ten
thousand chunks to a million.

    python -m benchmarks.knowledge.growth                       10,000 to 1,000,000 (an hour, 4 GB of disk)
    python -m benchmarks.knowledge.growth --sizes 10000,100000  only these

Words are as often as those of a language (Zipf) and vectors lie in topics, the noise as long as the topic, as
those of texts do. Rows, ranking and the embedder are not in it: those are rows of `make bench-knowledge`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from benchmarks.engine import conditions
from benchmarks.knowledge.lines import percentile
from petra.knowledge.index.collection import CollectionIndex
from petra.knowledge.index.dense import Dense
from petra.knowledge.index.entry import Entry, Vector

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
PORTION, A_DOCUMENT, A_CHUNK, DIMENSION, WORDS = 5000, 10, 60, 384, 30_000
QUESTIONS, CANDIDATES, TOPIC = 200, 100, 200
MODEL = "growth"
OFTEN = np.cumsum(1 / (np.arange(WORDS) + 2.7))
OFTEN /= OFTEN[-1]
COLUMNS = {
    "chunks": "chunks",
    "p50": "question p50, ms",
    "p95": "p95, ms",
    "within": "in a tenth p95, ms",
    "recall": "recall@10",
    "edit": "edit of 20 chunks, ms",
    "open": "open, ms",
    "own": "own MiB",
    "mapped": "mapped MiB",
    "disk": "disk MiB",
    "build": "built in, s",
}


def main() -> None:
    """Grow one index, and measure it in a process of its own at each size."""
    options = arguments()
    if options.read:
        print(json.dumps(measured(options.read, options.sizes[0])))
        return
    print(f"{conditions.machine()}; load: {conditions.load()}")
    print(" | ".join(COLUMNS.values()))
    rows = []
    with tempfile.TemporaryDirectory(prefix="petra-growth-", dir=options.keep) as name:
        for size, seconds in grown(Path(name), options.sizes):
            read = [sys.executable, "-m", __spec__.name, "--read", name, "--sizes", str(size)]
            told = subprocess.run(read, check=True, capture_output=True, text=True).stdout
            rows.append({"build": round(seconds), **json.loads(told.splitlines()[-1])})
            print(" | ".join(str(rows[-1][column]) for column in COLUMNS), flush=True)
    print(json.dumps(rows))


def grown(folder: Path, sizes: list[int]) -> Iterator[tuple[int, float]]:
    """Fill an index to each size, write it, and give the seconds that took."""
    start = 0
    for size in sizes:
        began = time.perf_counter()
        index = opened(folder)
        for first in range(start, size, PORTION):
            count = min(PORTION, size - first)
            index.apply(list(entries(first, count)), (), first + count)
            if index.unsettled:
                index.settle(soon=False)
        index.settle(soon=True)
        index.close()
        start = size
        yield size, time.perf_counter() - began


def measured(folder: Path, size: int) -> dict[str, float]:
    """What an index costs whoever opens it."""
    random = np.random.default_rng(size)
    asked = [" ".join(words(random, int(random.integers(3, 10)))) for _ in range(QUESTIONS)]
    near = vectors(random, QUESTIONS, size)
    before = weight()
    began = time.perf_counter()
    index = opened(folder)
    found: dict[str, float] = {"chunks": size, "open": milliseconds(began)}
    times = list(timed(index, asked, near))[20:]
    after = weight()
    tenth = [f"{number:032x}" for number in range(0, size // A_DOCUMENT, 10)]
    limited = list(timed(index, asked[:50], near, tenth))[5:]
    dense = index._state.dense
    close = [exact(dense, row) & {id for id, _ in dense.search(row, 10)} for row in near[:50]]
    edits = []
    for number in range(5):
        new, old = list(entries(size + 20 * number, 20)), range(20 * number, 20 * number + 20)
        began = time.perf_counter()
        index.apply(new, old, size + 1 + number)
        edits.append(milliseconds(began))
    # What was measured is not to be there for the next size.
    index.close()
    return found | {
        "p50": round(percentile(times, 0.5), 1),
        "p95": round(percentile(times, 0.95), 1),
        "within": round(percentile(limited, 0.95), 1),
        "recall": round(sum(map(len, close)) / (10 * len(close)), 3),
        "edit": round(percentile(edits, 0.5)),
        "own": round(after[0] - before[0]),
        "mapped": round(after[1] - before[1]),
        "disk": round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20),
    }


def timed(
    index: CollectionIndex, asked: list[str], near: Vector, within: list[str] | None = None
) -> Iterator[float]:
    """Milliseconds of each question."""
    for query, vector in zip(asked, near, strict=False):
        began = time.perf_counter()
        index.search(query, vector, CANDIDATES, within)
        yield milliseconds(began)


def exact(dense: Dense, vector: Vector) -> set[int]:
    """The ten nearest of all."""
    hits = [
        (float(score), int(part.segment.chunks[row]))
        for part in dense.parts
        for score, row in zip(*part.segment.flat.search(vector, 10, None), strict=True)
    ]
    return {chunk for _, chunk in sorted(hits, reverse=True)[:10]}


def entries(first: int, count: int) -> Iterator[Entry]:
    """Chunks `first` to `first + count`, the same whenever they are asked for."""
    random = np.random.default_rng(first)
    rows = vectors(random, count, first + count)
    for number, row in enumerate(rows, first):
        document = f"{number // A_DOCUMENT:032x}"
        text = " ".join(words(random, A_CHUNK))
        yield Entry(number, document, f"notes/{number // A_DOCUMENT}.txt", text, f"{number:064x}", row)


def words(random: np.random.Generator, count: int) -> list[str]:
    """Words, few of them often."""
    return [f"word{number}" for number in np.searchsorted(OFTEN, random.random(count))]


def vectors(random: np.random.Generator, count: int, size: int) -> Vector:
    """Directions around topics, of which there are more in a larger collection."""
    chosen = random.integers(0, max(1, size // TOPIC), count)
    topics = {int(topic): np.random.default_rng(topic).normal(size=DIMENSION) for topic in np.unique(chosen)}
    rows = np.stack([topics[int(topic)] for topic in chosen]) + random.normal(size=(count, DIMENSION))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float16).astype(np.float32)


def opened(folder: Path) -> CollectionIndex:
    """The index, whole."""
    index = CollectionIndex(folder, MODEL)
    index.open()
    return index


def weight() -> tuple[float, float]:
    """MiB that are this process's own, and those of files that are mapped."""
    info = psutil.Process().memory_info()
    shared = float(getattr(info, "shared", 0))
    return (info.rss - shared) / 2**20, shared / 2**20


def milliseconds(began: float) -> float:
    """Since then."""
    return round((time.perf_counter() - began) * 1000, 1)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=lambda text: [int(part) for part in text.split(",")], default=SIZES)
    parser.add_argument(
        "--keep", type=Path, default=None, help="where the index is made (a folder with room)"
    )
    parser.add_argument("--read", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
