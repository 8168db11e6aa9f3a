"""The labelled sets as the ranker's benchmarks see them: questions, and a judge of what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.knowledge.data import TEXTS, Texts
from benchmarks.knowledge.repositories import Repository, repositories
from petra.knowledge.search import Passage
from petra.research import beir, corpus, labelled_code, measures
from petra.research.evaluation import best_documents
from petra.research.labelled_code import Task
from petra.storage.collections import Collection

DEPTH, CODE_DEPTH = 100, 10

Found = Mapping[str, Sequence[Passage]]


@dataclass(frozen=True)
class Labelled:
    """One set. `root` is the end of the path of the folder that was indexed; `judge` gives each question's
    nDCG@10, for passages by question and the paths of all files."""

    name: str
    root: str
    questions: Mapping[str, str]
    depth: int
    judge: Callable[[Found, Sequence[str]], dict[str, float]]

    def collection(self, listed: Sequence[Collection]) -> Collection:
        """Which of these it is."""
        return next(item for item in listed if item.root and item.root.endswith(f"/{self.root}"))


def sets(data: Path) -> list[Labelled]:
    """All: the texts, and each repository as `code/<name>`."""
    texts = [of_texts(data, item) for item in TEXTS if (data / item.name).is_dir()]
    return [*texts, *(of_code(item) for item in repositories(data))]


def of_texts(data: Path, item: Texts) -> Labelled:
    """A collection in BEIR's layout."""
    folder = data / item.name
    relevant = beir.judgements(folder)
    texts = beir.queries(folder)
    ids = {
        corpus.file_name(number) + item.suffix: document.id
        for number, document in enumerate(beir.documents(folder))
    }

    def judge(found: Found, _: Sequence[str]) -> dict[str, float]:
        rankings = {id: best_documents(list(passages), ids) for id, passages in found.items()}
        judged = measures.measure(relevant, rankings, ["nDCG@10"])
        return {id: values["nDCG@10"] for id, values in judged.queries.items()}

    questions = {id: texts[id] for id in relevant}
    return Labelled(item.name, f"corpora/{item.name}{item.suffix}", questions, DEPTH, judge)


@dataclass(frozen=True)
class Place:
    """Where a passage is, from the root of its repository."""

    path: str
    lines: tuple[int, int] | None


def of_code(repository: Repository) -> Labelled:
    """A repository with semble's questions."""
    tasks: dict[str, Task] = {
        f"{repository.name}/{number}": task
        for number, task in enumerate(labelled_code.read(repository.questions))
    }
    below = f"{repository.root}/" if repository.root else ""

    def judge(found: Found, paths: Sequence[str]) -> dict[str, float]:
        indexed = [below + path for path in paths]
        return {
            id: labelled_code.judge(
                [Place(below + passage.path, passage.lines) for passage in found[id]], task, indexed
            ).ndcg
            for id, task in tasks.items()
        }

    root = f"{repository.name}/{repository.root}".rstrip("/")
    questions = {id: task.query for id, task in tasks.items()}
    return Labelled(f"code/{repository.name}", root, questions, CODE_DEPTH, judge)
