"""What goes into an index and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float32]]
Scored = list[tuple[int, float]]
"""(chunk id, score), best first."""


@dataclass(frozen=True)
class Entry:
    """A chunk to index. `vector` (float32, length 1) is None while it is not embedded; it is then found
    by its words only, and `text_hash` tells which vector to look for later."""

    chunk_id: int
    document_id: str
    path: str
    text: str
    text_hash: str
    vector: Vector | None


@dataclass(frozen=True)
class Candidates:
    """The best chunks by meaning and by words, and the similarity of all of them that have a vector."""

    dense: Scored = field(default_factory=list)
    lexical: Scored = field(default_factory=list)
    similarity: dict[int, float] = field(default_factory=dict)

    def merged(self, other: Candidates, limit: int) -> Candidates:
        """The best of two collections."""
        return Candidates(
            dense=best(self.dense + other.dense, limit),
            lexical=best(self.lexical + other.lexical, limit),
            similarity=self.similarity | other.similarity,
        )


def best(scored: Scored, limit: int) -> Scored:
    """The highest scores first; equal ones by chunk id, so that the same index answers alike."""
    return sorted(scored, key=lambda item: (-item[1], item[0]))[:limit]
