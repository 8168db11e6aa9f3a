"""Vectors for what no embedder has seen yet: rough, and there at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from petra.errors import ModelFileError
from petra.inference.static import StaticModel, is_static, unit
from petra.knowledge.index.entry import Vector
from petra.telemetry import logger

log = logger("petra.knowledge.static")

NAME = "all-MiniLM-L6-v2-static"
WORDS = 16_384
"""Words whose vectors are kept: those of a repository are few, and splitting one into tokens costs as much
as all the rest (0.70 s of a core for 50,000 lines of Python, 0.31 s with them)."""
_WORD = re.compile(r"(?:[^\W_]|[\u0300-\u036f])+|[^\w\s]|_")
"""Where the tokenizer of BERT splits, an accent that stands by itself not counted: no token goes over the end
of a word."""


class StaticVectors:
    """The static embedder in a folder, loaded when it is first asked. For threads, several at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._model: StaticModel | None = None
        self._damaged = False
        self._words: Mapping[str, int] = {}
        self._rows: Vector = np.zeros((0, 1), np.float32)

    @classmethod
    def installed(cls, models: Path, name: str = NAME) -> StaticVectors | None:
        """The one in the models folder, None when it is not there: search then does without. Blocking."""
        return cls(models / name) if is_static(models / name) else None

    def embed(self, texts: Sequence[str]) -> Vector:
        """Vectors of length 1, float32 (n, d); all zeros for a text without a word that the model knows,
        and for every text when the model is damaged. Blocking."""
        split = [_WORD.findall(text) for text in texts]
        words, rows = self._known({word for some in split for word in some})
        found = np.zeros((len(texts), rows.shape[1]), np.float32)
        for number, some in enumerate(split if len(rows) else ()):
            found[number] = rows[[words[word] for word in some]].sum(axis=0)
        return unit(found)

    def _known(self, wanted: Collection[str]) -> tuple[Mapping[str, int], Vector]:
        """The places of these words (and of others) in the rows beside them. Neither changes later."""
        with self._turn:
            model = self._loaded()
            if model is None:
                return {}, self._rows
            new = [word for word in wanted if word not in self._words]
            if len(self._words) + len(new) > WORDS or not len(self._rows):
                new = list(wanted)
                self._words, self._rows = {}, np.zeros((0, model.dimension), np.float32)
            if new:
                places = range(len(self._words), len(self._words) + len(new))
                self._words = {**self._words, **dict(zip(new, places, strict=True))}
                self._rows = np.concatenate([self._rows, model.totals(model.read(new))])
            return self._words, self._rows

    def _loaded(self) -> StaticModel | None:
        if self._model is None and not self._damaged:
            try:
                self._model = StaticModel(self._path)
            except ModelFileError as error:
                # It is there to help: that it cannot must not stop anybody's files.
                self._damaged = True
                log.warning("static_model_damaged", cause=error.cause, remedy=error.remedy)
        return self._model
