"""The reranker: a cross-encoder reads a question together with each text, by ONNX Runtime in int8.

Not by torch: on a CPU without bfloat16 ONNX Runtime is 3.8 times as fast, on one with it as fast, it
takes a third of the memory, and the weights that can be had as a package are an ONNX file. One pair at a
time: int8 is scaled anew for every batch, so that in company a text's score would depend on the others'
(by up to 0.05); alone it does not, and nothing is padded, which makes it 1.9 times as fast as ten together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Encoding, Tokenizer

from petra.errors import ModelFileError
from petra.inference.worker.embed_queue import Batching
from petra.inference.worker.embed_reading import Reading, cut
from petra.inference.worker.embed_runner import EmbedRunner, Values

CONTEXT = 512
MOST_QUERY = 128
"""Tokens of the question; of the rest of the context a text has at least two thirds."""

SHORT = 32 * CONTEXT
"""A request of at most so many tokens goes ahead of longer ones, as Petra's own do: 500 pages took 100 s in
which nobody else was answered."""


class RerankEngine:
    """`Reranker` over a folder with `model.onnx` and `tokenizer.json`. Requests are served one after the
    other, short ones first: each ends sooner than if all went on together. Raises ModelFileError."""

    def __init__(self, name: str, path: Path, *, threads: int) -> None:
        self.name = name
        self._session = _session(path)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._pairs, self._counter = _tokenizers(path)
        # One pair is a batch.
        self._runner = EmbedRunner(self._score, Batching(0, 0, threads, SHORT))
        self._reading = Reading()
        self._score(self._read("Is it loaded?", ["It is."]))

    def health(self) -> dict[str, Any]:
        """Values for `/health`."""
        return {"context": CONTEXT, "precision": "int8", "degraded": None, **self._runner.health()}

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """See Reranker. A text is cut off at the end where the two are too long together."""
        (question,) = await self._reading.run(self._questions, cut([query], MOST_QUERY))
        pairs = await self._reading.run(partial(self._read, question), cut(documents, CONTEXT))
        scores = await self._runner.run(pairs, [len(pair.ids) for pair in pairs])
        return [float(score) for score in scores]

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """See Engine."""
        return await self._reading.run(self._tokens, texts)

    async def close(self) -> None:
        """Wait for the pair under way."""
        await self._runner.close()
        await self._reading.close()

    def _questions(self, queries: Sequence[str]) -> list[str]:
        """Questions, cut off where they would leave no room for a text."""
        found = self._counter.encode_batch(list(queries), add_special_tokens=False)
        return [
            query if len(one.offsets) <= MOST_QUERY else query[: one.offsets[MOST_QUERY - 1][1]]
            for query, one in zip(queries, found, strict=True)
        ]

    def _read(self, question: str, documents: Sequence[str]) -> list[Encoding]:
        """The pairs as the model reads them."""
        return list(self._pairs.encode_batch([(question, text) for text in documents]))

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [item.ids for item in found]

    def _score(self, pairs: Sequence[Encoding]) -> Values:
        scores = np.empty(len(pairs), np.float32)
        for number, pair in enumerate(pairs):
            fed = {
                "input_ids": pair.ids,
                "attention_mask": pair.attention_mask,
                "token_type_ids": pair.type_ids,
            }
            rows = {name: np.array([ids], np.int64) for name, ids in fed.items() if name in self._inputs}
            (logits,) = self._session.run(None, rows)
            scores[number] = 1 / (1 + np.exp(-logits[0, 0]))
        return scores


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelFileError(
            "A reranker needs onnxruntime",
            cause="It is not installed here",
            remedy="Install it: pip install onnxruntime",
        ) from error
    # On Windows it would report usage.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # Pairs are computed beside each other, each in the thread that asks.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            str(path / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors have no common base
        raise _damaged(path, error) from error


def _tokenizers(path: Path) -> tuple[Tokenizer, Tokenizer]:
    """One that makes pairs of at most CONTEXT tokens, and one that counts."""
    try:
        text = (path / "tokenizer.json").read_text(encoding="utf-8")
        pairs, counter = Tokenizer.from_str(text), Tokenizer.from_str(text)
    except Exception as error:  # tokenizers raises no narrower one
        raise _damaged(path, error) from error
    for tokenizer in (pairs, counter):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    pairs.enable_truncation(CONTEXT, strategy="only_second")
    return pairs, counter


def _damaged(path: Path, error: Exception) -> ModelFileError:
    return ModelFileError(
        f"{path.name} cannot be loaded",
        cause=f"It is no folder of a reranker, with model.onnx and tokenizer.json ({type(error).__name__})",
        remedy="Run `petra models verify`, then `petra models pull NAME`",
    )
