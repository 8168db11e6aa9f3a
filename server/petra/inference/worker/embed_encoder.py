"""What embeds: a transformer of sentence-transformers, on the CPU or a GPU."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from petra.errors import ModelFileError
from petra.inference.worker.embed_probe import TEXTS, Precision, choose, known
from petra.inference.worker.embed_queue import Batching
from petra.inference.worker.engine import Vectors
from petra.inference.worker.findings import Findings

UNKNOWN_CONTEXT = 512
# More tokens at once are slower on a core: they leave its cache.
LEAST_TOKENS, MOST_TOKENS, MOST_TOKENS_GPU = 256, 1024, 32_768


class SentenceEncoder:
    """`Encoder` over a sentence-transformers folder whose first module is a transformer.

    Not by sentence-transformers' own `encode`, whose batches of 32 texts leave the cache of a core, and with
    the weights themselves in bfloat16 instead of autocast (docs/performance.md). The precision is chosen
    by the probe unless `fp32` is set; `cache` is a file that keeps its result. `encode` may be called from
    `threads` threads at once. Raises ModelFileError.
    """

    def __init__(self, path: Path, *, threads: int, fp32: bool = False, cache: Path | None = None) -> None:
        torch.set_num_threads(1)
        try:
            self._model = SentenceTransformer(str(path), local_files_only=True).eval()
            self._tokenizer = self._model.tokenizer
            # A copy each: how a tokenizer cuts off is a state of it.
            self._reader = copy.deepcopy(self._tokenizer.backend_tokenizer)
            self._counter = copy.deepcopy(self._tokenizer.backend_tokenizer)
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError) as error:
            raise ModelFileError(
                f"{path.name} cannot be loaded",
                cause=f"It is no whole sentence-transformers folder ({type(error).__name__})",
                remedy="Run `petra models verify`, then `petra models pull NAME`",
            ) from error
        self.context = int(self._model.max_seq_length or UNKNOWN_CONTEXT)
        self._reader.no_padding()
        self._reader.enable_truncation(self.context)
        self._counter.no_padding()
        self._counter.no_truncation()
        self._left = self._tokenizer.padding_side == "left"
        self._prompt = str(self._model.prompts.get(self._model.default_prompt_name) or "")
        # Pooling adds hundreds of numbers up: never in bfloat16, whose eight bits it would round to.
        self._model[0].register_forward_hook(_widen)
        self._precision = self._choose(path, fp32, cache)
        # One more, in the precision it will be: a CPU that cannot do it dies here, not in an answer.
        self.dimension = int(self.encode(self.read(TEXTS[:1])).shape[1])
        if self._model.device.type == "cpu":
            self.batching = Batching(LEAST_TOKENS, MOST_TOKENS, threads)
        else:
            self.batching = Batching(LEAST_TOKENS, MOST_TOKENS_GPU)

    def about(self) -> dict[str, Any]:
        """See Encoder."""
        return {"precision": self._precision, "device": self._model.device.type}

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """See Encoder."""
        return [found.ids for found in self._reader.encode_batch([self._prompt + text for text in texts])]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """See Encoder."""
        return [found.ids for found in self._counter.encode_batch(list(texts), add_special_tokens=False)]

    def encode(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """See Encoder."""
        width = max(map(len, rows))
        ids = np.full((len(rows), width), self._tokenizer.pad_token_id or 0)
        mask = np.zeros((len(rows), width), np.int64)
        for number, row in enumerate(rows):
            place = slice(width - len(row), None) if self._left else slice(len(row))
            ids[number, place], mask[number, place] = row, 1
        with torch.inference_mode():
            features = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
            features = {name: value.to(self._model.device) for name, value in features.items()}
            found = self._model(features)["sentence_embedding"]
        vectors: Vectors = found.float().cpu().numpy()
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors

    def _choose(self, path: Path, fp32: bool, cache: Path | None) -> Precision:
        """The precision; puts the transformer's weights into it."""
        if fp32:
            return "float32"
        findings = Findings(cache)
        measured_on = {
            "embed": _fingerprint(path),
            "torch": str(torch.__version__),
            "device": self._model.device.type,
            # Virtual CPUs of one name differ in what they can do.
            "able": sorted(name for name, is_so in torch.cpu.get_capabilities().items() if is_so is True),
        }
        body = self._model[0].model
        chosen = known(findings.get(measured_on))
        if chosen is None:
            bodies: dict[Precision, Any] = {"float32": body, "bfloat16": copy.deepcopy(body).bfloat16()}
            rows = self.read(TEXTS)

            def encode(precision: Precision) -> Vectors:
                self._model[0].model = bodies[precision]
                return self.encode(rows)

            chosen = choose(encode)
            body = bodies[chosen]
            findings.put(measured_on, {"precision": chosen})
        self._model[0].model = body.bfloat16() if chosen == "bfloat16" else body
        return chosen


def _widen(_: Any, __: Any, features: dict[str, Any]) -> dict[str, Any]:
    """What a transformer in bfloat16 hands on, in float32."""
    return {
        name: value.float() if torch.is_tensor(value) and value.is_floating_point() else value
        for name, value in features.items()
    }


def _fingerprint(path: Path) -> str:
    """The folder's name, and something that changes when one of its files does."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and file.name != "installed.json")
    about = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{path.name} {hashlib.sha256(repr(about).encode()).hexdigest()[:12]}"
