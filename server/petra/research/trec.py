"""Run files, as trec_eval and every tool after it read them: `query Q0 document rank score name`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from petra.research.measures import Rankings, scores

NAME = "petra"


def write(path: Path, rankings: Rankings) -> None:
    """Write one. Scores fall by 1 with each rank: the order is what was decided."""
    lines = [line for query, documents in rankings.items() for line in _lines(query, documents)]
    path.write_text("".join(lines), encoding="utf-8")


def _lines(query: str, documents: Sequence[str]) -> list[str]:
    given = scores(documents)
    return [
        f"{_word(query)} Q0 {_word(document)} {rank} {given[document]:g} {NAME}\n"
        for rank, document in enumerate(documents, 1)
    ]


def _word(text: str) -> str:
    """Fields are divided by blanks."""
    return "_".join(text.split())
