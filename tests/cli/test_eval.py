"""`petra eval`, from files to numbers and a run file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Shell
from tests.research.test_beir import collection

TEXTS = {
    "paging": "A page table maps virtual pages to frames.",
    "deadlock": "A deadlock needs four conditions to hold at once.",
    "routing": "Routers forward packets by their longest matching prefix.",
}


def labelled(folder: Path) -> Path:
    documents = [{"_id": id, "title": id.title(), "text": text} for id, text in TEXTS.items()]
    collection(folder, documents)
    (folder / "queries.jsonl").write_text(
        '{"_id": "a", "text": "page table frames"}\n{"_id": "b", "text": "longest matching prefix"}\n'
    )
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\tpaging\t1\nb\trouting\t1\n")
    return folder


def test_a_labelled_collection_is_measured_twice_alike(shell: Shell, tmp_path: Path) -> None:
    folder, data = labelled(tmp_path / "small"), tmp_path / "data"
    run = tmp_path / "run.txt"
    asked = ("eval", "retrieval", str(folder), "--data-dir", str(data))
    first = json.loads(shell.run(*asked, "--json", "--run", str(run)).stdout)
    assert first["documents"] == 3
    assert set(first["mean"]) == {"nDCG@10", "R@10", "R@100", "RR@10"}
    assert first["mean"]["R@10"] == 1.0
    assert [item["relevant"] for item in first["questions"]] == [{"paging": 1}, {"routing": 1}]
    assert first["record"]["model"]["name"]
    assert run.read_text().split()[:2] == ["a", "Q0"]
    second = json.loads(shell.run(*asked, "--json").stdout)
    assert second == first


def test_a_repository_is_measured_by_questions_in_sembles_format(shell: Shell, tmp_path: Path) -> None:
    source = tmp_path / "repository" / "src"
    source.mkdir(parents=True)
    (source / "paging.py").write_text("def page_table(frames):\n    return dict(enumerate(frames))\n")
    (source / "routing.py").write_text("def longest_prefix(routes, address):\n    return max(routes)\n")
    questions = tmp_path / "questions.json"
    questions.write_text(
        json.dumps([{"query": "longest_prefix", "relevant": ["src/routing.py"], "secondary": []}])
    )
    asked = ("eval", "code", str(source.parent), str(questions), "--data-dir", str(tmp_path / "data"))
    found = json.loads(shell.run(*asked, "--root", "src", "--json").stdout)
    assert found["documents"] == 2
    assert found["questions"][0]["relevant"] == ["src/routing.py"]
    assert found["questions"][0]["found"][0].startswith("src/")
    shown = shell.run(*asked, "--root", "src").stdout
    assert "NDCG@10" in shown


def test_what_is_wrong_with_a_collection_is_said(shell: Shell, tmp_path: Path) -> None:
    told = shell.run(
        "eval", "retrieval", str(tmp_path / "none"), "--data-dir", str(tmp_path / "data"), code=1
    )
    assert "is not there" in told.stderr
