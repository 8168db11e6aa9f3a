"""Labelled collections in the layout of BEIR: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`.

(Thakur et al., BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models,
2021.) Blocking: for threads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petra.errors import BadRequest, NotFound

Judgements = Mapping[str, Mapping[str, int]]
"""Grades by query and document; what is not in it is not relevant."""


@dataclass(frozen=True)
class Document:
    """One document; `title` is empty where the collection has none."""

    id: str
    title: str
    text: str


def documents(folder: Path) -> Iterator[Document]:
    """The corpus, in its own order. Raises NotFound and BadRequest."""
    for item in _rows(folder / "corpus.jsonl"):
        yield Document(str(item["_id"]), str(item.get("title") or "").strip(), str(item["text"]))


def queries(folder: Path) -> dict[str, str]:
    """The questions by id. Raises NotFound and BadRequest."""
    return {str(item["_id"]): str(item["text"]) for item in _rows(folder / "queries.jsonl")}


def judgements(folder: Path, split: str = "test") -> Judgements:
    """What is relevant, of one split. Raises NotFound and BadRequest."""
    path = folder / "qrels" / f"{split}.tsv"
    found: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_lines(path)):
        query, _, rest = line.partition("\t")
        document, _, grade = rest.partition("\t")
        if number == 0 and not grade.strip().isdigit():
            continue  # the names of the columns
        if not grade.strip().lstrip("-").isdigit():
            raise _damaged(path, number)
        if int(grade) > 0:
            found.setdefault(query, {})[document] = int(grade)
    return found


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(_lines(path)):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            item["_id"], item["text"]
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(path, number) from error
        yield item


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\r\n")
    except FileNotFoundError as error:
        raise NotFound(
            f"{path} is not there",
            cause="A collection in BEIR's layout has corpus.jsonl, queries.jsonl and qrels/<split>.tsv",
            remedy="Check the folder, or name another split with --split",
        ) from error


def _damaged(path: Path, number: int) -> BadRequest:
    return BadRequest(
        f"{path} cannot be read",
        cause=f"Line {number + 1} is not as BEIR has it",
        remedy="Download the collection again",
    )
