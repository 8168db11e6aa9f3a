"""Vectors between rows and index: float16 in both, made alike before they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from petra.knowledge.index.entry import Vector

STORED = np.dtype("<f2")

Similarity = Literal["cosine", "dot"]
"""How vectors are compared: "cosine" brings them to length 1, "dot" takes them as the model gives them."""


def to_stored(vector: Vector) -> bytes:
    """A vector for its row, as the model gave it: float16, little-endian."""
    return vector.astype(STORED).tobytes()


def from_stored(rows: Mapping[str, bytes], similarity: Similarity) -> dict[str, Vector]:
    """Vectors as they are compared, from their rows, by hash."""
    if not rows:
        return {}
    found = np.frombuffer(b"".join(rows.values()), STORED).astype(np.float32).reshape(len(rows), -1)
    return dict(zip(rows, as_compared(found, similarity), strict=True))


def as_compared(vectors: Vector, similarity: Similarity) -> Vector:
    """Vectors that the inner product compares as wanted, in the precision of the segments."""
    if similarity == "cosine":
        lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
        vectors = (vectors / np.where(lengths == 0, 1, lengths)).astype(np.float32)
    return vectors.astype(STORED).astype(np.float32)
