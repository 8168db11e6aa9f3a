"""Exact search over rows of float16, wherever they lie: by Faiss, or by numpy where Faiss cannot be
imported. Both give the same answers; Faiss is some ten times as fast."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from petra.knowledge.index.entry import Vector

try:
    import faiss
except ImportError:
    faiss = None  # type: ignore[assignment]

Half = np.ndarray[Any, np.dtype[np.float16]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

BLOCK = 4096
"""Rows that are turned into float32 at once."""


class Flat(Protocol):
    """Rows that can be asked for the nearest ones."""

    def search(self, vector: Vector, count: int, chosen: Mask | None) -> tuple[Vector, Ints]:
        """The inner products and places of the `count` nearest rows, best first; among those `chosen` when
        given, of which there are at least `count`."""


def flat(codes: Half) -> Flat:
    """Search over `codes` (n, d) as they lie in memory or in a mapped file: nothing is copied."""
    return NumpyFlat(codes) if faiss is None else FaissFlat(codes)


class FaissFlat:
    """A Faiss index that looks at rows which are not its own. It is never changed: Faiss ends the whole
    process when one that is a view is added to."""

    def __init__(self, codes: Half) -> None:
        self._codes = codes
        self._index = faiss.IndexScalarQuantizer(
            codes.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        view: Any = self._index.codes
        view.is_owned = False
        view.view_data = view.c_ptr = faiss.swig_ptr(codes.reshape(-1).view(np.uint8))
        view.view_size = view.c_size = codes.nbytes
        self._index.ntotal = len(codes)

    def search(self, vector: Vector, count: int, chosen: Mask | None) -> tuple[Vector, Ints]:
        """See Flat."""
        # The number of threads belongs to the thread that asks; a team for one query only spins.
        faiss.omp_set_num_threads(1)
        parameters = None
        if chosen is not None:
            bits = np.packbits(chosen, bitorder="little")
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))  # type: ignore[call-arg,arg-type]
        scores, places = self._index.search(vector[np.newaxis], count, params=parameters)
        return scores[0], places[0]


class NumpyFlat:
    """The same with nothing but numpy."""

    def __init__(self, codes: Half) -> None:
        self._codes = codes

    def search(self, vector: Vector, count: int, chosen: Mask | None) -> tuple[Vector, Ints]:
        """See Flat."""
        scores = np.empty(len(self._codes), np.float32)
        for start in range(0, len(scores), BLOCK):
            scores[start : start + BLOCK] = products(self._codes[start : start + BLOCK], vector)
        if chosen is not None:
            scores[~chosen] = -np.inf
        places = np.arange(len(scores))
        if count < len(scores):
            places = np.argpartition(-scores, count - 1)[:count]
        places = places[np.argsort(-scores[places], kind="stable")]
        return scores[places], places


def products(rows: Half, vector: Vector) -> Vector:
    """The inner product of each row with `vector`, in float32."""
    made: Vector = rows.astype(np.float32) @ vector
    return made
