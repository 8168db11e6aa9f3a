"""A passage: what a search finds, and what an answer quotes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from petra.knowledge.extract import sniff
from petra.messages import PlaceUnit
from petra.storage.candidates import Candidate


@dataclass(frozen=True)
class Passage:
    """A passage that fits a query. `document` is the title shown. `score` in [0, 1] orders the passages
    of one search, and of no other; `dense` (the similarity of meaning) and `lexical` (its part of the
    best BM25) are None where they are not known. `unit` is what its pages are called when not pages.
    `why` has what made the score, by factor (`knowledge.ranking`)."""

    chunk_id: int
    document_id: str
    collection_id: str
    document: str
    path: str
    header: str
    text: str
    pages: tuple[int, int] | None
    lines: tuple[int, int] | None
    score: float
    dense: float | None
    lexical: float | None
    unit: PlaceUnit | None = None
    why: Mapping[str, float] = field(default_factory=dict)

    @property
    def relevance(self) -> float:
        """How likely it has to do with the query at all, to compare with RERANK_THRESHOLD: the
        similarity of meaning, which does not depend on what else was found. Where that is unknown
        (it is not embedded yet, or the embedder is away), what was found counts as relevant."""
        return 1.0 if self.dense is None else self.dense


def passage(
    found: Candidate,
    score: float,
    dense: float | None,
    lexical: float,
    why: Mapping[str, float],
) -> Passage:
    """A passage from its row."""
    return Passage(
        chunk_id=found.id,
        document_id=found.document_id,
        collection_id=found.collection_id,
        document=found.title,
        path=found.path,
        header=found.header,
        text=found.text,
        pages=found.pages,
        lines=found.lines,
        score=round(score, 4),
        dense=None if dense is None else round(dense, 4),
        lexical=round(lexical, 4),
        unit=sniff.unit(found.media_type),
        why={factor: round(value, 4) for factor, value in why.items()},
    )
