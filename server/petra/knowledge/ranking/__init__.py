"""From candidates to an order, with reasons. Pure: no row, no file and no model is read here."""

from __future__ import annotations

from petra.knowledge.ranking.candidate import Defined, Ranked, Row
from petra.knowledge.ranking.factors import Factors
from petra.knowledge.ranking.order import rank
from petra.knowledge.ranking.query import Query, understand

__all__ = ["Defined", "Factors", "Query", "Ranked", "Row", "rank", "understand"]
