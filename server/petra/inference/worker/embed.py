"""The embedder: sentence-transformers, a batch at a time in one thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from petra.errors import ModelFileError
from petra.inference.worker.engine import Vectors

BATCH = 32
LEAST_COSINE = 0.999
PROBE = [
    "A short text.",
    "The derivative of a function measures how fast its value changes with its argument. " * 3,
    "def add(a: int, b: int) -> int:\n    return a + b\n" * 4,
    "In 1905 Einstein published four papers that changed physics, on light, atoms, time and mass. " * 2,
]


class SentenceEngine:
    """`Embedder` over a sentence-transformers folder.

    With `fp32` false it computes in bfloat16 where that is measured at the start to be faster and to give
    the same vectors (cosine to fp32 at least 0.999).
    """

    def __init__(self, name: str, path: Path, *, threads: int, fp32: bool = False) -> None:
        self.name = name
        torch.set_num_threads(threads)
        try:
            self._model = SentenceTransformer(str(path), local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
            raise ModelFileError(
                f"{path.name} cannot be loaded",
                cause=f"It is no whole sentence-transformers folder ({type(error).__name__})",
                remedy="Run `petra models verify`, then `petra models pull NAME`",
            ) from error
        self._model.eval()
        self._bf16 = False
        self.rate = self._choose(fp32)
        self._pending = 0
        self._served = 0
        self._progress = time.monotonic()
        self._thread = ThreadPoolExecutor(1, "embed")

    def health(self) -> dict[str, Any]:
        """Values for `/health`."""
        return {
            "context": int(self._model.max_seq_length or 512),
            "dimension": self._dimension,
            "precision": "bfloat16" if self._bf16 else "float32",
            "texts_per_s": round(self.rate, 1),
            "busy": self._pending > 0,
            "queued": max(self._pending - 1, 0),
            "served": self._served,
            "progress_age_s": round(time.monotonic() - self._progress, 3) if self._pending else 0.0,
            "degraded": None,
        }

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """See Embedder. Batches are of texts of similar length, so that little is padded; a request that
        is cancelled ends between two of them."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        result = np.zeros((len(texts), self._dimension), np.float32)
        with self._busy():
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                batch = [texts[row] for row in rows]
                loop = asyncio.get_running_loop()
                result[rows] = await loop.run_in_executor(self._thread, self._encode, batch)
                self._progress = time.monotonic()
        self._served += 1
        return result

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, without [CLS] and [SEP]."""
        tokenizer = self._model.tokenizer
        with self._busy():
            return await asyncio.get_running_loop().run_in_executor(
                self._thread,
                lambda: [list(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]],
            )

    async def close(self) -> None:
        """Wait for the batch under way."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    @contextmanager
    def _busy(self) -> Iterator[None]:
        if not self._pending:
            self._progress = time.monotonic()
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    def _encode(self, texts: list[str]) -> Vectors:
        with torch.inference_mode(), self._precision():
            rows = self._model.encode(
                texts,
                batch_size=BATCH,
                normalize_embeddings=True,
                convert_to_numpy=False,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
        vectors: Vectors = rows.float().cpu().numpy()
        # Under bfloat16 the model's own normalisation is only good to three digits.
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast("cpu", dtype=torch.bfloat16) if self._bf16 else nullcontext()

    def _choose(self, fp32: bool) -> float:
        """Decide the precision by measuring both. Returns texts/s of the chosen one."""
        self._encode(PROBE)
        exact, seconds = self._timed()
        self._dimension = int(exact.shape[1])
        if fp32:
            return len(PROBE) / seconds
        self._bf16 = True
        self._encode(PROBE)
        rough, faster = self._timed()
        cosine = float((exact * rough).sum(axis=1).min())
        self._bf16 = cosine >= LEAST_COSINE and faster < seconds
        return len(PROBE) / (faster if self._bf16 else seconds)

    def _timed(self) -> tuple[Vectors, float]:
        started = time.perf_counter()
        vectors = self._encode(PROBE)
        return vectors, time.perf_counter() - started
