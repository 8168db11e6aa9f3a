"""What goes into an index and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Vector = np.ndarray[Any, np.dtype[np.float32]]
"""One vector (d,) or several (n, d)."""
Scored = list[tuple[int, float]]
"""(chunk id, score), best first."""


@dataclass(frozen=True)
class Entry:
    """A chunk to index. `vector` (float32, as it is compared) is None while it is not embedded; it is
    then found by its words and by `static`, a vector of another space that is made without a model's
    worker, and `text_hash` tells which vector to look for later."""

    chunk_id: int
    document_id: str
    path: str
    text: str
    text_hash: str
    vector: Vector | None
    static: Vector | None = None


@dataclass(frozen=True)
class Candidates:
    """The chunks that are among the best by meaning or by words, each list with all of them: `dense` with
    their similarity (those that have a vector), `static` with their similarity in the space of static
    vectors (those that have no vector yet; the two cannot be compared), `lexical` with their BM25 score
    (those that have a word of the query). Best first."""

    dense: Scored = field(default_factory=list)
    lexical: Scored = field(default_factory=list)
    static: Scored = field(default_factory=list)

    def merged(self, other: Candidates, limit: int) -> Candidates:
        """The best of two collections: what is among the first `limit` of any list."""
        dense = best(self.dense + other.dense)
        lexical = best(self.lexical + other.lexical)
        static = best(self.static + other.static)
        kept = {id for some in (dense, lexical, static) for id, _ in some[:limit]}
        return Candidates(
            dense=[item for item in dense if item[0] in kept],
            lexical=[item for item in lexical if item[0] in kept],
            static=[item for item in static if item[0] in kept],
        )


def best(scored: Scored, limit: int | None = None) -> Scored:
    """The highest scores first; equal ones by chunk id, so that the same index answers alike."""
    return sorted(scored, key=lambda item: (-item[1], item[0]))[:limit]
