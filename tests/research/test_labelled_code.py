"""Questions in semble's format, judged as its benchmark judges them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from petra.errors import BadRequest, NotFound
from petra.research import labelled_code
from petra.research.labelled_code import Target, Task, judge, ndcg, same_file


@dataclass(frozen=True)
class Place:
    path: str
    lines: tuple[int, int] | None = None


INDEXED = ["src/flask/app.py", "src/flask/sansio/app.py", "src/flask/config.py", "src/flask/views.py"]


def test_a_file_ranks_where_its_first_passage_does() -> None:
    task = Task("q", (Target("src/flask/config.py"), Target("src/flask/views.py")), "semantic")
    found = [Place("src/flask/app.py"), *[Place("src/flask/config.py")] * 2, Place("src/flask/views.py")]
    judged = judge(found, task, INDEXED)
    assert judged.ranks == (2, 4)
    assert judged.count == 2
    assert judged.ndcg == pytest.approx(ndcg([2, 4], 2, 10))


def test_a_perfect_answer_is_one_and_none_is_nothing() -> None:
    task = Task("q", (Target("src/flask/config.py"),), "semantic")
    assert judge([Place("src/flask/config.py")], task, INDEXED).ndcg == 1.0
    assert judge([Place("src/flask/app.py")], task, INDEXED).ndcg == 0.0
    assert judge([], task, INDEXED).ndcg == 0.0


def test_what_is_not_indexed_cannot_be_missed() -> None:
    task = Task("q", (Target("src/flask/config.py"), Target("docs/config.rst")), "semantic")
    assert judge([Place("src/flask/config.py")], task, INDEXED).ndcg == 1.0
    assert (
        judge([Place("src/flask/config.py")], Task("q", (Target("gone.py"),), "symbol"), INDEXED).count == 0
    )


def test_files_of_one_name_are_told_apart_by_their_folders() -> None:
    task = Task("q", (Target("src/flask/sansio/app.py"),), "semantic")
    assert judge([Place("src/flask/app.py")], task, INDEXED).ndcg == 0.0
    assert same_file("flask/src/flask/app.py", "src/flask/app.py")
    assert not same_file("src/flask/myapp.py", "app.py")


def test_a_target_of_lines_wants_one_of_them() -> None:
    task = Task("q", (Target("src/flask/app.py", (10, 20)),), "semantic")
    found = [Place("src/flask/app.py", (1, 9)), Place("src/flask/app.py", (20, 30))]
    assert judge(found, task, INDEXED).ranks == (2,)


def test_only_the_first_ten_count() -> None:
    assert ndcg([11], 1, 10) == 0.0
    assert ndcg(list(range(1, 13)), 12, 10) == 1.0
    assert ndcg([3, 3], 2, 10) == ndcg([3], 2, 10)


def test_the_file_is_read_as_semble_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "queries.json"
    items = [
        {"query": "how are routes registered", "relevant": ["a.py"], "secondary": ["b.py"]},
        {
            "query": "Flask",
            "relevant": [{"path": "a.py", "start_line": 3, "end_line": 9}],
            "category": "symbol",
        },
        {"query": "Blueprint", "relevant": [{"path": "a.py"}]},
    ]
    path.write_text(json.dumps(items))
    first, second, third = labelled_code.read(path)
    assert first.targets == (Target("a.py"), Target("b.py"))
    assert first.category == "architecture"
    assert second.targets == (Target("a.py", (3, 9)),)
    assert (third.targets, third.category) == ((Target("a.py"),), "symbol")


def test_a_file_of_another_kind_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "queries.json"
    with pytest.raises(NotFound):
        labelled_code.read(path)
    path.write_text('[{"question": "?"}]')
    with pytest.raises(BadRequest, match="cannot be read"):
        labelled_code.read(path)
    for nothing in ("[]", '[{"query": "?"}]'):
        path.write_text(nothing)
        with pytest.raises(BadRequest, match="no question with an answer"):
            labelled_code.read(path)
