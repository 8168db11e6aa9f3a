"""Static embedders: a vector for each token, and a text is the mean of its tokens' vectors.

No transformer, no torch: a hundred times as fast as one, in a tenth of the memory, and worse (see
docs/models.md). Such models are published as folders of model2vec or of sentence-transformers'
StaticEmbedding; both are read here. A worker serves them like any embedder (`worker.static`), and the server
itself has one for what no embedder has seen yet (`knowledge.static`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petra.errors import ModelFileError

Vectors = np.ndarray[Any, np.dtype[np.float32]]

CONTEXT = 512


def is_static(path: Path) -> bool:
    """Whether a model's folder is that of a static embedder. Blocking."""
    return _parts(path) is not None


class StaticModel:
    """A static embedder's folder, loaded. Raises ModelFileError for one that is not whole."""

    def __init__(self, path: Path) -> None:
        # Not needed by a server that has no such model.
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        folder = _parts(path) or path
        self.context = int(_json(folder / "config.json", {}).get("max_length") or CONTEXT)
        try:
            self._vectors = _folded(load_file(folder / "model.safetensors"))
            text = (folder / "tokenizer.json").read_text(encoding="utf-8")
            self._tokenizer = Tokenizer.from_str(text)
            self._unknown = json.loads(text)["model"].get("unk_token")
        except Exception as error:  # tokenizers raises no narrower one
            raise ModelFileError(
                f"{path.name} cannot be loaded",
                cause=f"It is no whole folder of a static embedder ({type(error).__name__})",
                remedy="Run `petra models verify`, then `petra models pull NAME`",
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.dimension = int(self._vectors.shape[1])

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that count, at most `context`. What the model has no token for says
        nothing about the text, and is left out."""
        unknown = self._tokenizer.token_to_id(self._unknown) if self._unknown else None
        return [[id for id in ids if id != unknown][: self.context] for ids in self.tokenize(texts)]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """All tokens of each text."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [item.ids for item in found]

    def encode(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """Vectors of length 1 of what `read` gave, float32 (n, d). A text without any token is all zeros."""
        return unit(self.totals(rows))

    def totals(self, rows: Sequence[Sequence[int]]) -> Vectors:
        """The sums of the tokens' vectors: of length 1, they are the texts' vectors."""
        sums = np.zeros((len(rows), self.dimension), np.float32)
        for number, ids in enumerate(rows):
            if ids:
                sums[number] = self._vectors[ids].sum(axis=0, dtype=np.float32)
        return sums


def unit(vectors: Vectors) -> Vectors:
    """Each row brought to length 1, in place; what is zero stays so."""
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return vectors


def _parts(path: Path) -> Path | None:
    """The folder of the vectors and the tokenizer, None for a model that is not static."""
    modules = _json(path / "modules.json", [])
    first = modules[0] if isinstance(modules, list) and modules and isinstance(modules[0], dict) else {}
    if str(first.get("type")).endswith(".StaticEmbedding"):
        return path / str(first.get("path") or "")
    config = _json(path / "config.json", {})
    return path if isinstance(config, dict) and config.get("model_type") == "model2vec" else None


def _folded(tensors: dict[str, Any]) -> Any:
    """A row for each token id, float16 or float32. A vocabulary that model2vec has quantised has fewer
    rows, a `mapping` from token ids to them, and a weight for each token."""
    vectors = tensors["embeddings" if "embeddings" in tensors else "embedding.weight"]
    if "mapping" in tensors:
        vectors = vectors[tensors["mapping"]]
    if "weights" in tensors:
        vectors = (vectors * tensors["weights"][:, None]).astype(vectors.dtype)
    return vectors


def _json(path: Path, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return otherwise
