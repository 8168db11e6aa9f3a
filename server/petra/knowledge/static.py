"""Vectors for what no embedder has seen yet: rough, and there at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from petra.errors import ModelFileError
from petra.inference.static import StaticModel, is_static
from petra.knowledge.index.entry import Vector
from petra.telemetry import logger

log = logger("petra.knowledge.static")

NAME = "all-MiniLM-L6-v2-static"


class StaticVectors:
    """The static embedder in a folder, loaded when it is first asked. For threads, several at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loading = threading.Lock()
        self._model: StaticModel | None = None
        self._damaged = False

    @classmethod
    def installed(cls, models: Path, name: str = NAME) -> StaticVectors | None:
        """The one in the models folder, None when it is not there: search then does without."""
        return cls(models / name) if is_static(models / name) else None

    def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors of length 1, float32 (n, d); all zeros for a text without a word that the model knows,
        and for every text when the model is damaged. Blocking."""
        model = self._loaded()
        return model.encode(model.read(texts)) if model else np.zeros((len(texts), 1), np.float32)

    def _loaded(self) -> StaticModel | None:
        with self._loading:
            if self._model is None and not self._damaged:
                try:
                    self._model = StaticModel(self._path)
                except ModelFileError as error:
                    # It is there to help: what helps less must not stop anybody's files.
                    self._damaged = True
                    log.warning("static_model_damaged", cause=error.cause, remedy=error.remedy)
            return self._model
