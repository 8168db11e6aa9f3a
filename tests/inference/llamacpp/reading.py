"""Reading a text into a context, and what the model then thinks comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from petra.inference.worker.decoder import DONE, Row
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel

Logits = np.ndarray[Any, np.dtype[np.float32]]
FACTS = [
    "The capital of France is Paris, and the capital of Italy is",
    "Water boils at one hundred degrees, and it freezes at",
    "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday,",
    "The opposite of hot is cold, and the opposite of big is",
]
STORY = (
    "Once upon a time a fox lived at the edge of a wood. Every morning she went down to the river, where "
    "a heron stood in the shallow water and told her what had happened in the villages upstream. "
)
CHUNK = 128


@contextmanager
def opened(
    model: LlamaModel,
    *,
    unified: bool = True,
    cells: int = 4096,
    sequences: int = 4,
    adapters: dict[str, Path] | None = None,
) -> Iterator[LlamaContext]:
    options = ContextOptions(
        cells=cells, context=cells, sequences=sequences, threads=1, flash_attention=False, unified=unified
    )
    context = LlamaContext(model, options, adapters)
    try:
        yield context
    finally:
        context.close()


def tokens_of(model: LlamaModel, text: str, length: int | None = None) -> list[int]:
    """Of a text that is repeated until there are `length`."""
    tokens = model.tokenize(text)
    while length and len(tokens) < length:
        tokens += tokens
    return [*([] if model.bos is None else [model.bos]), *tokens][:length]


def read(context: LlamaContext, sequence: int, tokens: Sequence[int]) -> Logits:
    """Go on in a sequence with `tokens`; a copy of the last one's logits."""
    held = context.length(sequence)
    for start in range(0, len(tokens), CHUNK):
        chunk = tokens[start : start + CHUNK]
        rows = [
            Row(token, held + start + at, sequence, start + at == len(tokens) - 1)
            for at, token in enumerate(chunk)
        ]
        assert context.decode(rows) == DONE
    return context.logits(len(chunk) - 1).copy()


def divergence(a: Logits, b: Logits) -> float:
    """Kullback and Leibler's, of the next token's probabilities."""
    p, q = (np.exp(x.astype(float) - x.max()) for x in (a, b))
    p, q = p / p.sum(), q / q.sum()
    return float((p * np.log((p + 1e-30) / (q + 1e-30))).sum())


def agree(a: Logits, b: Logits) -> bool:
    """Whether two results are the same but for the order of sums, which differs by the form of a step."""
    best = np.sort(a)[-2:]
    same = a.argmax() == b.argmax() or best[1] - best[0] <= 1
    return bool(same) and divergence(a, b) < 0.02
