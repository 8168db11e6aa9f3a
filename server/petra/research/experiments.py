"""The two experiments of `petra eval`: a labelled collection of texts, and one of code."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from petra.errors import BadRequest
from petra.knowledge.search import Passage
from petra.research import beir, corpus, labelled_code, measures, trec
from petra.research.evaluation import Evaluation, Watch, best_documents
from petra.research.labelled_code import Judged, Task

SHOWN = 10
"""Results of a question that are kept, for the person who asks why."""


async def retrieval(
    asked: Evaluation,
    folder: Path,
    corpora: Path,
    watch: Watch,
    *,
    split: str,
    suffix: str,
    depth: int,
    run_file: Path | None = None,
) -> dict[str, Any]:
    """Measure a collection in BEIR's layout, its documents as files below `corpora`. JSON values."""
    relevant = await asyncio.to_thread(beir.judgements, folder, split)
    texts = await asyncio.to_thread(beir.queries, folder)
    questions = {id: texts[id] for id in relevant if id in texts}
    if not questions:
        raise BadRequest(f"{folder} has no question that is judged", cause=f"Its split is {split}")
    await asyncio.to_thread(measures.tools)
    place = corpora / f"{folder.name}{suffix}"
    ids = await asyncio.to_thread(lambda: corpus.write(beir.documents(folder), place, suffix))
    collection = await asked.index(place, watch)
    found = await asked.ask(questions, collection.id, depth)
    rankings = {id: best_documents(passages, ids) for id, passages in found.items()}
    measured = await asyncio.to_thread(measures.measure, relevant, rankings)
    if run_file:
        await asyncio.to_thread(trec.write, run_file, rankings)
    return {
        "name": folder.name,
        "documents": len(ids),
        "files": suffix,
        "mean": measured.mean,
        "questions": [
            {
                "id": id,
                "question": question,
                **{name: round(value, 4) for name, value in measured.queries[id].items()},
                "relevant": dict(relevant[id]),
                "found": rankings[id][:SHOWN],
            }
            for id, question in questions.items()
        ],
    }


@dataclass(frozen=True)
class _Place:
    path: str
    lines: tuple[int, int] | None


async def code(
    asked: Evaluation, repository: Path, questions: Path, watch: Watch, *, root: str, k: int
) -> dict[str, Any]:
    """Measure questions in semble's format about `repository`, of which `root` is indexed. JSON values."""
    tasks = await asyncio.to_thread(labelled_code.read, questions)
    collection = await asked.index(repository / root, watch)
    below = Path(root).as_posix() if root else ""
    indexed = [_from_repository(path, below) for path in await asked.paths(collection.id)]
    found = await asked.ask({str(number): task.query for number, task in enumerate(tasks)}, collection.id, k)
    places = [[_place(passage, below) for passage in passages] for passages in found.values()]
    judged = [labelled_code.judge(some, task, indexed, k) for some, task in zip(places, tasks, strict=True)]
    return {
        "name": repository.name,
        "documents": len(indexed),
        "root": root,
        "mean": {f"NDCG@{k}": round(fmean(item.ndcg for item in judged), 4)} if judged else {},
        "categories": _by_category(tasks, judged),
        "questions": [
            _told(task, item, some) for task, item, some in zip(tasks, judged, places, strict=True)
        ],
    }


def _by_category(tasks: list[Task], judged: list[Judged]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for task, item in zip(tasks, judged, strict=True):
        found.setdefault(task.category, []).append(item.ndcg)
    return {name: round(fmean(values), 4) for name, values in sorted(found.items())}


def _told(task: Task, item: Judged, places: list[_Place]) -> dict[str, Any]:
    return {
        "question": task.query,
        "category": task.category,
        "ndcg": round(item.ndcg, 4),
        "ranks": list(item.ranks),
        "relevant": [target.path for target in task.targets],
        "found": [
            place.path + (f":{place.lines[0]}-{place.lines[1]}" if place.lines else "")
            for place in places[:SHOWN]
        ],
    }


def _place(passage: Passage, below: str) -> _Place:
    return _Place(_from_repository(passage.path, below), passage.lines)


def _from_repository(path: str, below: str) -> str:
    return f"{below}/{path}" if below else path
