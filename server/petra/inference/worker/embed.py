"""The embedder behind the door: texts in, vectors out, what somebody waits for ahead of the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from petra.inference.worker import static
from petra.inference.worker.embed_queue import Batching
from petra.inference.worker.embed_reading import Reading, cut
from petra.inference.worker.embed_runner import EmbedRunner
from petra.inference.worker.engine import Vectors

SHORT_TOKENS = 1024
"""A request of so many tokens in all is served ahead of longer ones: a question, the sentences of an
answer. Clients need not say what they are, so any OpenAI client gets it; ingestion sends thousands."""


class Encoder(Protocol):
    """Turns texts into tokens, and tokens into vectors of `dimension` numbers. A text has at most
    `context` tokens, of a longer one the end is cut off. `batching` says how large its batches should be,
    and how many `encode` may be asked for at once."""

    dimension: int
    context: int
    batching: Batching

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text as the model reads them, special ones included."""
        ...

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """All tokens of each text, without special ones."""
        ...

    def encode(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Vectors of length 1 of what `read` gave, float32 (n, d)."""
        ...

    def about(self) -> dict[str, Any]:
        """How it computes, for `/health`."""
        ...


class EmbedEngine:
    """`Embedder` over an `Encoder`. Texts are read in threads of their own and vectors computed in others,
    so that a question need not wait for a batch before it is in the queue."""

    def __init__(self, name: str, encoder: Encoder) -> None:
        self.name = name
        self._encoder = encoder
        self._runner = EmbedRunner(encoder.encode, replace(encoder.batching, short=SHORT_TOKENS))
        self._reading = Reading()

    @classmethod
    def load(
        cls, name: str, path: Path, *, threads: int, fp32: bool = False, cache: Path | None = None
    ) -> EmbedEngine:
        """The embedder of a folder: a static one, or one of sentence-transformers (`fp32` then keeps it in
        full precision, and `cache` what was measured). Blocking. Raises ModelFileError."""
        if static.is_static(path):
            return cls(name, static.StaticEncoder(path))
        # A batch on each core, each in one thread of torch's: threads that share a batch wait for each other,
        # in a spin. That made 142 passages a second where this makes 226, and beside a busy process 9.
        os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is loaded
        # Takes seconds and 300 MB, which a static model does without.
        from petra.inference.worker.embed_encoder import SentenceEncoder

        return cls(name, SentenceEncoder(path, threads=threads, fp32=fp32, cache=cache))

    def health(self) -> dict[str, Any]:
        """Values for `/health`."""
        return {
            "context": self._encoder.context,
            "dimension": self._encoder.dimension,
            "batch_tokens": self._runner.batch_tokens,
            "degraded": None,
            **self._encoder.about(),
            **self._runner.health(),
        }

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder."""
        rows = await self._reading.run(self._encoder.read, cut(texts, self._encoder.context))
        return await self._runner.run(rows, [len(row) for row in rows])

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """See Engine."""
        return await self._reading.run(self._encoder.tokenize, texts)

    async def close(self) -> None:
        """Wait for the batch under way."""
        await self._runner.close()
        await self._reading.close()
