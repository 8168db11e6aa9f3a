"""How long steps take in one kind of cache: a beginning that several sequences share, as in a class."""

from __future__ import annotations

import time
from collections.abc import Sequence

from petra.errors import ModelUnavailable
from petra.inference.worker.decoder import DONE, Row
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel

TEXT = "The quick brown fox jumps over the lazy dog while the band plays on. " * 40
CHUNK = 64
# Tokens that each sequence writes at most while it is measured.
WRITTEN = 32


class Probe:
    """A small cache of `model`; `length` tokens are shared by `writers` sequences."""

    def __init__(
        self,
        model: LlamaModel,
        *,
        length: int,
        writers: int,
        threads: int,
        flash_attention: bool | None,
        unified: bool,
    ) -> None:
        tokens = model.tokenize(TEXT) or [0]
        self._tokens = (tokens * (length // len(tokens) + 1))[:length]
        self._writers = range(1, writers + 1)
        # llama.cpp gives each part of a cache a multiple of 256, and not always the next larger one.
        context = -(-(length + WRITTEN) // 256) * 256
        self._context = LlamaContext(
            model,
            ContextOptions(
                cells=context * (writers + 1),
                context=context,
                sequences=writers + 1,
                threads=threads,
                batch=max(CHUNK, writers),
                flash_attention=flash_attention,
                unified=unified,
            ),
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def set_threads(self, threads: int) -> None:
        """Compute the next steps with so many."""
        self._context.set_threads(threads)

    def read(self) -> float:
        """Read the beginning; tokens/s, the first chunk left out where there are others."""
        begun = time.perf_counter()
        counted = len(self._tokens)
        for start in range(0, len(self._tokens), CHUNK):
            chunk = self._tokens[start : start + CHUNK]
            self._decode([Row(token, start + at, 0, False) for at, token in enumerate(chunk)])
            if start == 0 and counted > len(chunk):
                begun, counted = time.perf_counter(), counted - len(chunk)
        return counted / (time.perf_counter() - begun)

    def shared(self) -> float:
        """Seconds of a step of all writers, who have the beginning in common."""
        for writer in self._writers:
            self._context.trim(writer, 0)
            self._context.copy(0, writer, len(self._tokens))
        # The quickest of a few: the first never is, and others have the CPU now and then.
        seconds = []
        for _ in range(4):
            rows = [Row(self._tokens[0], self._context.length(one), one, True) for one in self._writers]
            begun = time.perf_counter()
            self._decode(rows)
            seconds.append(time.perf_counter() - begun)
        return min(seconds[1:])

    def _decode(self, rows: Sequence[Row]) -> None:
        code = self._context.decode(rows)
        if code != DONE:
            raise ModelUnavailable(
                "The model failed its first step",
                cause=f"llama.cpp could not decode {len(rows)} tokens (code {code})",
                remedy="Choose another model",
            )
