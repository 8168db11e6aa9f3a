"""The embedding model by itself, as fast as it goes: texts as JSON on stdin, chunks a second on stdout.

Ways: float32 and bfloat16, batches of 8 to 64 of like length, all cores on one batch or a batch on each
core. The way that is best on a twelfth of the texts then embeds all of them.
"""

from __future__ import annotations

import copy
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}

import torch
from sentence_transformers import SentenceTransformer

BATCHES = (8, 16, 32, 64)


def main() -> None:
    job = json.load(sys.stdin)
    texts: list[str] = sorted(job["texts"], key=len)
    cores = int(job["cores"])
    plain = SentenceTransformer(job["model"], device="cpu", local_files_only=True).eval()
    half = copy.deepcopy(plain)
    half[0].model.bfloat16()
    ways: dict[str, Callable[[list[str]], None]] = {}
    for name, model in (("float32", plain), ("bfloat16", half)):
        for batch in BATCHES:
            ways[f"{name}, {batch}, all cores on one"] = together(model, batch, cores)
            ways[f"{name}, {batch}, one on each core"] = beside(model, batch, cores)
    sample = texts[::12]
    rates = {name: rate(way, sample) for name, way in ways.items()}
    best = max(rates, key=lambda name: rates[name])
    json.dump({"way": best, "chunks/s": rate(ways[best], texts), "tried": rates}, sys.stdout)


def rate(way: Callable[[list[str]], None], texts: list[str]) -> float:
    """Chunks a second."""
    way(texts[:16])
    started = time.perf_counter()
    way(texts)
    return len(texts) / (time.perf_counter() - started)


def together(model: Any, size: int, cores: int) -> Callable[[list[str]], None]:
    """One batch after the other, all cores on it."""

    def embed(texts: list[str]) -> None:
        torch.set_num_threads(cores)
        for batch in batches(texts, size):
            encode(model, batch)

    return embed


def beside(model: Any, size: int, cores: int) -> Callable[[list[str]], None]:
    """A batch on each core."""

    def one(batch: Sequence[str]) -> None:
        torch.set_num_threads(1)
        encode(model, batch)

    def embed(texts: list[str]) -> None:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, batches(texts, size)))

    return embed


def batches(texts: list[str], size: int) -> list[list[str]]:
    """Of like length together."""
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def encode(model: Any, texts: Sequence[str]) -> None:
    with torch.inference_mode():
        model(model.tokenize(list(texts)))


if __name__ == "__main__":
    main()
