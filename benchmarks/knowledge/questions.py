"""Vectors of questions, kept: what a ranker is tried with does not change from try to try."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from petra.inference.client import ModelEndpoint

FILE = "question-vectors.npz"


class Questions:
    """Stands for the endpoint of a question's embedder."""

    def __init__(self, folder: Path, model: str) -> None:
        self._path = folder / FILE
        self._known: dict[str, Any] = {}
        if self._path.is_file():
            kept = np.load(self._path)
            if str(kept["model"]) == model:
                self._known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))
        self._model = model

    def missing(self, texts: Sequence[str]) -> list[str]:
        """Those that have no vector yet."""
        return [text for text in dict.fromkeys(texts) if text not in self._known]

    async def learn(self, texts: Sequence[str], endpoint: ModelEndpoint) -> None:
        """Embed these and keep their vectors."""
        self._known |= dict(zip(texts, await endpoint.embed(list(texts)), strict=True))
        np.savez(
            self._path,
            model=np.array(self._model),
            texts=np.array(list(self._known)),
            vectors=np.stack(list(self._known.values())),
        )

    async def embed(self, texts: Sequence[str]) -> Any:
        """As a ModelEndpoint does."""
        return np.stack([self._known[text] for text in texts])
