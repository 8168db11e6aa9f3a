"""The second look at the first passages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.knowledge.ranking import Ranked, Row
from petra.knowledge.ranking.second import reordered
from petra.knowledge.reranking import AT_ONCE, MOST, Reranker


class Endpoint(ModelEndpoint):
    """Likes long texts; after `enough` requests it never answers again."""

    def __init__(self, enough: int) -> None:
        super().__init__("unix:/nowhere/s")
        self._left = enough

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        self._left -= 1
        if self._left < 0:
            await asyncio.Event().wait()
        return [float(len(text)) for text in documents]


async def looked(enough: int, texts: Sequence[str], seconds: float) -> list[float]:
    endpoint = Endpoint(enough)

    async def use() -> ModelEndpoint:
        return endpoint

    try:
        return await Reranker(use, seconds).scores("query", texts)
    finally:
        await endpoint.close()


async def test_the_first_passages_are_looked_at_while_there_is_time() -> None:
    texts = ["x" * n for n in range(1, 40)]
    assert await looked(99, texts, 60) == [float(n) for n in range(1, MOST + 1)]
    assert await looked(2, texts, 0.05) == [float(n) for n in range(1, 2 * AT_ONCE + 1)]
    assert await looked(0, texts, 0.01) == []
    assert await looked(99, [], 60) == []


async def test_a_reranker_that_is_away_changes_nothing() -> None:
    async def use() -> ModelEndpoint:
        raise ModelUnavailable("away", cause="It is starting")

    assert await Reranker(use, 60).scores("query", ["a", "b"]) == []


def ranked(*scores: float) -> list[Ranked]:
    return [
        Ranked(Row(n, "d", "c", f"{n}.md", False, True, None, None), score) for n, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("scores", "again", "order"),
    [
        ((1.0, 0.9, 0.8, 0.2, 0.1), (0.1, 0.2, 0.9, 0.1), [2, 0, 1, 3, 4]),
        ((1.0, 0.1, 0.0), (0.9, 0.8, 0.1), [0, 1, 2]),
        ((1.0, 0.5), (0.9,), [0, 1]),
        ((1.0, 0.5), (), [0, 1]),
        ((1.0, 1.0), (0.1, 0.9), [0, 1]),
        ((1.0, 0.5), (0.3, 0.3), [0, 1]),
    ],
)
def test_both_looks_make_the_order(scores: Sequence[float], again: Sequence[float], order: list[int]) -> None:
    found = reordered(ranked(*scores), again)
    assert [item.row.id for item in found] == order
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    if len(again) > 1:
        assert [
            item.why["second look"] for item in sorted(found, key=lambda item: item.row.id)[: len(again)]
        ] == list(again)
