"""What goes into the ranker and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """What the ranker knows of a passage besides its text. `source` says that it is program text,
    `note` that it is Markdown or plain text."""

    id: int
    document_id: str
    collection_id: str
    path: str
    source: bool
    note: bool
    pages: Span | None
    lines: Span | None


@dataclass(frozen=True, slots=True)
class Defined:
    """That a passage defines `name`, in `scope` ("class › method")."""

    chunk_id: int
    name: str
    scope: str


@dataclass(slots=True)
class Ranked:
    """A passage in its place. `score` is from 0 to 1, 1 for the best of this search. `why` has what made
    the score, by factor: "meaning" and "words" as standard deviations from the mean of the candidates,
    "base" from 0 to 1, then what each factor added, or (its name ends in ×) multiplied by."""

    row: Row
    score: float
    why: dict[str, float] = field(default_factory=dict)
