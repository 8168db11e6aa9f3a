"""What one step costs by its rows, without a server: for formats of weights, and for the memory they lie in.

    python -m benchmarks.engine.steps [FILE.gguf …]     milliseconds a step, and prompts' tokens a second
    python -m benchmarks.engine.steps --divergence A.gguf B.gguf …   how far B and the others are from A

Without files it measures the default model and, once the worker has made it, its copy. Each file takes turns
in each kind of memory, in a process of its own; the figures are medians over the turns. Other formats of a
file: `python -m benchmarks.engine.steps --requantize Q4_0 A.gguf B.gguf`. The divergence is Kullback and
Leibler's in nats, a mean over the tokens of Petra's own documentation (read 1,024 at a time).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp as lib
import numpy as np

from benchmarks.engine.conditions import cores, machine
from benchmarks.engine.servers import default_model
from petra.inference.child import environment
from petra.inference.installed import COPY
from petra.inference.worker.decoder import Row
from petra.inference.worker.llamacpp import model as model_file
from petra.inference.worker.llamacpp import requantize
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel

Logits = np.ndarray[Any, np.dtype[np.float32]]

PROMPT, CHUNK = 700, 100
ROWS = (1, 2, 3, 4, 8, 32)
REPEATED = 12
PART, PARTS, AT_ONCE = 1024, 4, 32
ROOT = Path(__file__).parents[2]
MEMORY = ("mapped", "small pages", "large pages")


def opened(model: LlamaModel, threads: int) -> LlamaContext:
    """One sequence, computed as the worker does."""
    return LlamaContext(
        model,
        ContextOptions(
            cells=2048, context=2048, sequences=ROWS[-1], threads=threads, flash_attention=False, unified=True
        ),
    )


def one(file: Path, memory: str, threads: int) -> dict[str, float]:
    """Milliseconds by rows, and tokens a second of a prompt; in this process."""
    model_file.READ_WHOLE = 0 if memory == "mapped" else sys.maxsize
    context = opened(LlamaModel(file), threads)
    begun = time.perf_counter()
    for start in range(0, PROMPT, CHUNK):
        context.decode([Row(500 + at, at, 0, at % CHUNK == CHUNK - 1) for at in range(start, start + CHUNK)])
    found = {"read": PROMPT / (time.perf_counter() - begun)}
    for rows in ROWS:
        times = []
        for _ in range(REPEATED):
            begun = time.perf_counter()
            context.decode([Row(900 + row, PROMPT + row, 0, True) for row in range(rows)])
            times.append(time.perf_counter() - begun)
            context.trim(0, PROMPT)
        found[str(rows)] = 1000 * statistics.median(times)
    return found


def apart(file: Path, memory: str, threads: int) -> dict[str, float]:
    """The same in a process of its own, whose C library asks for large pages or does not."""
    outer = environment(os.environ)
    if memory != "large pages":
        del outer["GLIBC_TUNABLES"]
    command = [sys.executable, "-m", "benchmarks.engine.steps", "--one", memory, "--threads", str(threads)]
    told = subprocess.run([*command, file], env=outer, cwd=ROOT, capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


def distributions(file: Path, threads: int) -> Iterator[tuple[list[int], Logits]]:
    """Of each part of the documentation the tokens, and float32 (tokens, vocabulary) logarithms of what may
    come next."""
    model = LlamaModel(file)
    context = opened(model, threads)
    pages = sorted((ROOT / "docs").glob("*.md"))
    tokens = model.tokenize("".join(page.read_text(encoding="utf-8") for page in pages))
    for part in range(PARTS):
        these = tokens[part * PART : (part + 1) * PART]
        found = np.empty((len(these), model.vocabulary), np.float32)
        for start in range(0, len(these), AT_ONCE):
            rows = [
                Row(token, start + at, 0, True) for at, token in enumerate(these[start : start + AT_ONCE])
            ]
            context.decode(rows)
            for row in range(len(rows)):
                found[start + row] = context.logits(row)
        context.trim(0, 0)
        found -= found.max(axis=1, keepdims=True)
        found -= np.log(np.exp(found).sum(axis=1, keepdims=True))
        yield these, found


def divergence(files: list[Path], threads: int) -> None:
    """A line for each file after the first."""
    found: list[list[tuple[float, float, float, float]]] = [[] for _ in files[1:]]
    for (tokens, base), *others in zip(*(distributions(file, threads) for file in files), strict=True):
        following = np.arange(len(tokens) - 1), tokens[1:]
        for figures, (_, other) in zip(found, others, strict=True):
            nats = (np.exp(base) * (base - other)).sum(axis=1).mean()
            same = (base.argmax(axis=1) == other.argmax(axis=1)).mean()
            figures.append((nats, same, -base[following].mean(), -other[following].mean()))
    for file, figures in zip(files[1:], found, strict=True):
        nats, same, *losses = np.mean(figures, axis=0)
        before, after = np.exp(losses)
        print(f"{file.name}: KL {nats:.4f}, same choice {same:.3f}, perplexity {before:.2f} → {after:.2f}")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--threads", type=int, default=cores(), help="every core")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--divergence", action="store_true")
    parser.add_argument("--requantize", metavar="FORMAT")
    parser.add_argument("--one", choices=MEMORY, help=argparse.SUPPRESS)
    options = parser.parse_args()
    default = default_model()
    copy = default.with_name(default.name.removesuffix(".gguf") + COPY)
    files = [file.absolute() for file in options.files] or [
        file for file in (default, copy) if file.is_file()
    ]
    if options.one:
        print(json.dumps(one(files[0], options.one, options.threads)))
    elif options.requantize:
        source, target = map(str, files)
        if requantize.convert(source, target, getattr(lib, f"LLAMA_FTYPE_MOSTLY_{options.requantize}")):
            raise SystemExit(f"{source} could not be written as {options.requantize}")
    elif options.divergence:
        divergence(files, options.threads)
    else:
        print(f"{machine()}; threads: {options.threads}; milliseconds a step of so many rows")
        print(f"{'':51}{'read/s':>8}" + "".join(f"{rows:>8}" for rows in ROWS))
        taken: dict[tuple[Path, str], list[dict[str, float]]] = {}
        for _ in range(options.turns):
            for file in files:
                for memory in MEMORY:
                    taken.setdefault((file, memory), []).append(apart(file, memory, options.threads))
        for (file, memory), turns in taken.items():
            medians = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
            print(f"{file.name:38} {memory:12}" + "".join(f"{value:8.1f}" for value in medians.values()))


if __name__ == "__main__":
    main()
