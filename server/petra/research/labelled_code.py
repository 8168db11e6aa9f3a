"""Labelled questions about a repository, in the format of semble's benchmark, and its measure. Pure but for
`read`.

A question names files (or lines of files) that answer it, `relevant` and `secondary`; both count alike. A
target's rank is that of the first passage that covers it, and a target that no indexed file holds does not
count. (https://github.com/MinishLab/semble, benchmarks/, MIT.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from petra.errors import BadRequest, NotFound


@dataclass(frozen=True)
class Target:
    """A file that answers, or lines of it, first and last."""

    path: str
    lines: tuple[int, int] | None = None


@dataclass(frozen=True)
class Task:
    """A question with what answers it. `category` is semantic, architecture or symbol."""

    query: str
    targets: tuple[Target, ...]
    category: str


class Place(Protocol):
    """Where a passage is."""

    @property
    def path(self) -> str:
        """Its file, relative to the repository."""

    @property
    def lines(self) -> tuple[int, int] | None:
        """First and last."""


@dataclass(frozen=True)
class Judged:
    """One question's result: the rank of each target that was found, and how many could have been."""

    ndcg: float
    ranks: tuple[int, ...]
    count: int


def read(path: Path) -> list[Task]:
    """The questions of a file. Raises NotFound and BadRequest."""
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
        tasks = [_task(item) for item in items]
    except FileNotFoundError as error:
        raise NotFound(f"{path} is not there", remedy="Check the path") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadRequest(
            f"{path} cannot be read",
            cause="It has to be a JSON list of objects with `query`, `relevant` and `secondary`",
            remedy="Give the file of questions; the repository comes before it",
        ) from error
    if not any(task.targets for task in tasks):
        raise BadRequest(f"{path} has no question with an answer", remedy="Give a file with at least one")
    return tasks


def judge(found: Sequence[Place], task: Task, indexed: Sequence[str], k: int = 10) -> Judged:
    """How well `found`, best first, answers; `indexed` are the paths of all files that could be found."""
    possible = [target for target in task.targets if any(same_file(path, target.path) for path in indexed)]
    ranks = [rank for target in possible if (rank := _rank(found, target)) is not None]
    return Judged(ndcg(ranks, len(possible), k), tuple(ranks), len(possible))


def ndcg(ranks: Sequence[int], count: int, k: int) -> float:
    """For `count` targets, all alike relevant, found at `ranks` (from 1); two at one rank count once."""
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, count) + 1))
    gain = sum(1 / math.log2(rank + 1) for rank in set(ranks) if rank <= k)
    return gain / best if best else 0.0


def same_file(path: str, target: str) -> bool:
    """Whether one is the other, or its end. Give paths from the repository's root on both sides: of a path
    that begins further down, more than one target may be the whole."""
    return path == target or path.endswith(f"/{target}") or target.endswith(f"/{path}")


def _rank(found: Sequence[Place], target: Target) -> int | None:
    for rank, place in enumerate(found, 1):
        if same_file(place.path, target.path) and _overlap(place.lines, target.lines):
            return rank
    return None


def _overlap(lines: tuple[int, int] | None, wanted: tuple[int, int] | None) -> bool:
    return wanted is None or lines is None or (lines[0] <= wanted[1] and wanted[0] <= lines[1])


def _task(item: dict[str, Any]) -> Task:
    query = str(item["query"])
    targets = [_target(target) for key in ("relevant", "secondary") for target in item.get(key, [])]
    return Task(query, tuple(targets), str(item.get("category") or _category(query)))


def _target(raw: str | dict[str, Any]) -> Target:
    if isinstance(raw, str):
        return Target(raw)
    first, last = raw.get("start_line"), raw.get("end_line")
    return Target(str(raw["path"]), None if first is None or last is None else (int(first), int(last)))


def _category(query: str) -> str:
    if " " not in query.strip():
        return "symbol"
    return "architecture" if query.lower().startswith("how ") else "semantic"
