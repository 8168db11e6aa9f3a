"""Rankings to numbers: the measures, and whether a difference is luck."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import cast

import pytest

from petra.errors import NotFound
from petra.research.bootstrap import paired
from petra.research.evaluation import Evaluation
from petra.research.experiments import retrieval
from petra.research.measures import measure, scores

RELEVANT = {"one": {"a": 1, "b": 1}, "two": {"c": 2, "d": 1}, "three": {"e": 1}}


def test_a_perfect_ranking_has_the_best_of_all_measures() -> None:
    found = measure(RELEVANT, {"one": ["a", "b", "x"], "two": ["c", "d"], "three": ["e"]})
    assert found.mean == {"nDCG@10": 1.0, "R@10": 1.0, "R@100": 1.0, "RR@10": 1.0}


def test_what_is_found_late_counts_less() -> None:
    found = measure(RELEVANT, {"one": ["x", "a"], "two": ["d", "c"], "three": ["e"]})
    assert found.queries["one"]["nDCG@10"] == pytest.approx(
        (1 / math.log2(3)) / (1 / math.log2(2) + 1 / math.log2(3))
    )
    assert found.queries["two"]["nDCG@10"] == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))
    assert found.queries["one"]["R@10"] == 0.5
    assert found.queries["one"]["RR@10"] == 0.5


def test_a_question_without_results_counts_as_nothing_found() -> None:
    found = measure(RELEVANT, {"one": ["a", "b"], "two": []})
    assert found.queries["two"]["nDCG@10"] == 0.0
    assert found.mean["nDCG@10"] == round(1 / 3, 4)


async def test_ir_measures_that_is_not_there_is_said_before_anything_is_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n")
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "Why?"}\n')
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    asked = cast(Evaluation, None)  # nothing is asked of it
    with pytest.raises(NotFound, match="pip install ir-measures"):
        await retrieval(asked, tmp_path, tmp_path, lambda job: None, split="test", suffix=".md", depth=10)


def test_the_order_decides_whatever_documents_are_called() -> None:
    found = measure({"q": {"z": 1}}, {"q": ["z", *"abcdefghijkl"]})
    assert found.mean["RR@10"] == 1.0
    assert list(scores(["z", "a"])) == ["z", "a"]
    assert scores(["z", "a"])["z"] > scores(["z", "a"])["a"]


def test_a_clear_difference_is_told_from_a_lucky_one() -> None:
    ours = [0.9, 0.8, 1.0, 0.7] * 10
    clear = paired(ours, [value - 0.2 for value in ours])
    assert clear.mean == pytest.approx(0.2)
    assert clear.low > 0.19
    assert clear.below == 0.0
    lucky = paired([0.0, 1.0] * 10, [1.0, 0.0] * 9 + [0.0, 1.0])
    assert lucky.low < 0 < lucky.high
    assert 0.2 < lucky.below < 0.8
    assert paired(ours, ours[::-1]) == paired(ours, ours[::-1])
