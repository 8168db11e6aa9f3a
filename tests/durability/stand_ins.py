"""An embedder, an extractor and a folder that are quick, deterministic and need no process."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from petra.errors import PetraError
from petra.knowledge.extract import sniff
from petra.knowledge.extract.extractor import Extracted, Extractor, File, text_hash
from petra.knowledge.index.entry import Vector
from petra.storage.chunks import NewChunk

DIMENSION = 16


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that is gone afterwards, in memory where the system has that: what a process that is killed
    has written is there all the same, and a sync takes no time."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="petra-", dir=where, ignore_cleanup_errors=True) as name:
        yield Path(name)


class Words:
    """A model endpoint that adds up one random vector a word, other ones for each model."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.embedded = 0

    async def embed(self, texts: Sequence[str]) -> Vector:
        self.embedded += len(texts)
        return np.stack([vector(self.model, text) for text in texts])

    async def close(self) -> None:
        """There is nothing to close."""


def vector(model: str, text: str) -> Vector:
    """Of length 1, as float16 keeps it."""
    total = np.sum([_word(model, word) for word in text.lower().split()] or [np.ones(DIMENSION)], axis=0)
    unit: Vector = (total / np.linalg.norm(total)).astype(np.float16).astype(np.float32)
    return unit


@lru_cache(maxsize=100_000)
def _word(model: str, word: str) -> Vector:
    seed = int.from_bytes(hashlib.blake2b(f"{model} {word}".encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


class Paragraphs(Extractor):
    """An extractor for which each paragraph is a chunk."""

    def __init__(self) -> None:
        self.chunker = "paragraphs"

    async def extract(self, path: Path, name: str) -> Extracted:
        text = await asyncio.to_thread(path.read_text)
        pieces = [piece for piece in text.split("\n\n") if piece.strip()]
        if not pieces:
            raise sniff.EmptyText(f"{name} is empty")
        chunks = [
            NewChunk(n, "", piece, None, (2 * n + 1, 2 * n + 1), text_hash("", piece))
            for n, piece in enumerate(pieces)
        ]
        return Extracted("text/plain", None, None, chunks, [])

    async def extract_many(
        self, files: Sequence[File], *, made_too: bool = False, idle: bool = True
    ) -> list[Extracted | PetraError]:
        found: list[Extracted | PetraError] = []
        for path, name in files:
            try:
                found.append(await self.extract(path, name))
            except PetraError as error:
                found.append(error)
            except FileNotFoundError:
                found.append(PetraError(f"{name} is gone"))
        return found

    async def close(self) -> None:
        """There are no children."""
