"""How good rankings are, counted by ir-measures (which counts as trec_eval does). Pure.

(MacAvaney, Macdonald and Ounis, Streamlining Evaluation with ir-measures, 2022.)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from petra.errors import NotFound
from petra.research.beir import Judgements

if TYPE_CHECKING:
    import ir_measures

MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10")
"""What is measured when nothing else is asked for."""

Rankings = Mapping[str, Sequence[str]]
"""Documents by query, best first."""


@dataclass(frozen=True)
class Measured:
    """Each measure by query, and its mean. A query without any result counts as 0."""

    queries: dict[str, dict[str, float]]
    mean: dict[str, float]


def measure(
    relevant: Judgements, rankings: Rankings, names: Sequence[str] = MEASURES, digits: int = 4
) -> Measured:
    """Judge `rankings`, by every query that has something relevant. Raises NotFound where ir-measures is
    not installed."""
    counting: Any = tools()
    measures = [counting.parse_measure(name) for name in names]
    run = {query: scores(documents) for query, documents in rankings.items() if documents}
    judged = {query: dict(grades) for query, grades in relevant.items()}
    found: dict[str, dict[str, float]] = {query: dict.fromkeys(names, 0.0) for query in judged}
    for item in counting.iter_calc(measures, judged, run):
        found[item.query_id][str(item.measure)] = float(item.value)
    mean = {name: round(fmean(by[name] for by in found.values()), digits) for name in names} if found else {}
    return Measured(found, mean)


def scores(documents: Sequence[str]) -> dict[str, float]:
    """Scores that say the order and nothing else: evaluation tools order by score, and equal ones by name."""
    return {document: float(len(documents) - place) for place, document in enumerate(documents)}


def tools() -> ir_measures:
    """ir-measures. Raises NotFound where it is not installed: better before hours of embedding than after."""
    try:
        import ir_measures
    except ImportError as error:
        raise NotFound(
            "Retrieval cannot be measured yet",
            cause="The package ir-measures is not installed",
            remedy=f"Install it: {sys.executable} -m pip install ir-measures",
        ) from error
    return ir_measures
