"""Collections in BEIR's layout, as files that a person could have; and run files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from petra.errors import BadRequest, NotFound
from petra.research import beir, corpus, trec
from petra.research.beir import Document

DOCUMENTS = [
    {"_id": "4983", "title": "White matter\nof infants", "text": "Diffusion tensors."},
    {"_id": "p1", "title": "", "text": "def f():\n    return 1"},
]


def collection(folder: Path, documents: list[Mapping[str, str]] | None = None) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps(item) for item in documents or DOCUMENTS]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "queries.jsonl").write_text(
        '{"_id": "1", "text": "what"}\n{"_id": "2", "text": "not judged"}\n'
    )
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n1\t4983\t1\n1\tp1\t0\n")
    return folder


def test_everything_of_a_collection_is_read(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    assert list(beir.documents(folder))[1] == Document("p1", "", "def f():\n    return 1")
    assert beir.queries(folder) == {"1": "what", "2": "not judged"}
    assert beir.judgements(folder) == {"1": {"4983": 1}}


def test_a_split_that_is_not_there_and_a_damaged_line_are_said(tmp_path: Path) -> None:
    folder = collection(tmp_path / "c")
    with pytest.raises(NotFound, match=r"dev\.tsv"):
        beir.judgements(folder, "dev")
    (folder / "corpus.jsonl").write_text('{"_id": "1"}\n')
    with pytest.raises(BadRequest) as refused:
        list(beir.documents(folder))
    assert "Line 1" in refused.value.cause


def test_a_document_becomes_a_file_with_its_title_as_heading(tmp_path: Path) -> None:
    documents = [
        Document("4983", "White matter\nof infants", "Diffusion tensors."),
        Document("p1", "", "x = 1"),
    ]
    ids = corpus.write(documents, tmp_path / "files", ".md")
    assert list(ids.values()) == ["4983", "p1"]
    first, second = ids
    assert (tmp_path / "files" / first).read_text() == "# White matter of infants\n\nDiffusion tensors.\n"
    assert (tmp_path / "files" / second).read_text() == "x = 1"


def test_names_of_files_hold_no_word_and_no_number() -> None:
    names = [corpus.file_name(number) for number in (0, 1, 19, 20, 400, 63_999_999)]
    assert len(set(names)) == len(names)
    assert all(not set(name) & set("aeiouy0123456789") for name in names)
    assert names == sorted(names)


def test_files_that_are_right_stay_untouched_and_others_go(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    documents = [Document(str(number), "", f"text {number}") for number in range(3)]
    ids = corpus.write(documents, folder, ".txt")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    changed = [documents[0], Document("1", "", "another")]
    assert list(corpus.write(changed, folder, ".txt")) == list(ids)[:2]
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    first, second, _ = ids
    assert after.keys() == {first, second}
    assert after[first] == before[first]
    assert (folder / second).read_text() == "another"


def test_a_run_file_has_a_line_for_each_rank(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    trec.write(path, {"1": ["z", "a"], "2": ["with blank"], "3": []})
    assert path.read_text().splitlines() == [
        "1 Q0 z 1 2 petra",
        "1 Q0 a 2 1 petra",
        "2 Q0 with_blank 1 1 petra",
    ]
