"""In which precision a model embeds here: measured at its first start, not believed.

Measured on a CPU with and without bfloat16 (docs/performance.md): weights in bfloat16 give 2.9 times the
passages of float32 on the one, a fifth on the other. int8 is faster on both, but its vectors are not the
model's any more (cosine 0.88 to 0.99).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from petra.inference.worker.engine import Vectors

Precision = Literal["float32", "bfloat16"]

LEAST_COSINE = 0.999
ROUNDS = 3
TEXTS = (
    "A short text.",
    "The derivative of a function measures how fast its value changes with its argument. " * 4,
    "def add(a: int, b: int) -> int:\n    return a + b\n" * 5,
    "In 1905 Einstein published four papers that changed physics, on light, atoms, time and mass. " * 6,
)


def known(found: Mapping[str, Any] | None) -> Precision | None:
    """A precision as it was kept, None for anything else."""
    precision = (found or {}).get("precision")
    return precision if precision in ("float32", "bfloat16") else None


def choose(
    encode: Callable[[Precision], Vectors], clock: Callable[[], float] = time.perf_counter
) -> Precision:
    """bfloat16 where it is faster and gives the vectors of float32, otherwise float32.

    `encode` embeds the same texts in the precision it is given. Both are measured in turn, so that what
    else the machine does slows both, and the best time of each counts.
    """
    exact = encode("float32")
    try:
        rough = encode("bfloat16")
    except RuntimeError:  # torch has no kernel of it for some layer
        return "float32"
    if float((exact * rough).sum(axis=1).min()) < LEAST_COSINE:
        return "float32"
    times: dict[Precision, float] = {"float32": float("inf"), "bfloat16": float("inf")}
    for _ in range(ROUNDS):
        for precision in times:
            started = clock()
            encode(precision)
            times[precision] = min(times[precision], clock() - started)
        # Where it is only emulated it takes five times as long: once is enough to know.
        if times["bfloat16"] > 2 * times["float32"]:
            break
    return "bfloat16" if times["bfloat16"] < times["float32"] else "float32"
