"""How often the right thing is found: `petra eval` on every labelled set, and semble beside it on its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.knowledge import peers
from benchmarks.knowledge.data import CODE_AIM, CODE_STRETCH, TEXTS
from benchmarks.knowledge.lines import Aim, Line
from benchmarks.knowledge.repositories import Repository, fetch, repositories
from benchmarks.knowledge.sets import Place
from benchmarks.knowledge.setting import Setting
from petra.research import labelled_code
from petra.research.bootstrap import paired

MODEL = "all-MiniLM-L6-v2"


def texts(setting: Setting) -> list[Line]:
    """The collections in BEIR's layout."""
    lines = []
    for item in TEXTS:
        folder = setting.data / item.name
        found = evaluated(setting, "retrieval", str(folder), "--suffix", item.suffix)
        lines.append(
            Line(
                f"{item.name}, nDCG@10",
                [found["mean"]["nDCG@10"]],
                Aim(least=item.aim),
                more=True,
                note=f"R@100 {found['mean']['R@100']:.3f}; stretch {item.stretch}",
                details={"mean": found["mean"], "record": found["record"]},
            )
        )
    return lines


def code(setting: Setting) -> list[Line]:
    """semble's questions, and semble's own ranker with the same model, both judged alike."""
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}
    means: dict[str, float] = {}
    python = peers.semble()
    for repository in repositories(setting.data):
        fetch(repository, setting.repositories, repository.url)
        folder = setting.repositories / repository.name
        found = evaluated(setting, "code", str(folder), str(repository.questions), "--root", repository.root)
        values = {
            f"{repository.name}: {item['question']}": float(item["ndcg"]) for item in found["questions"]
        }
        ours |= values
        means[repository.name] = fmean(values.values())
        if python:
            judged = semble_values(python, setting, repository)
            theirs |= dict(zip(values, judged, strict=True))
    return [_code_line(ours, theirs, means)]


def _code_line(ours: dict[str, float], theirs: dict[str, float], means: dict[str, float]) -> Line:
    change = paired(list(ours.values()), [theirs[key] for key in ours]) if theirs else None
    interval = f"difference {change.mean:+.3f} ({change.low:+.3f} to {change.high:+.3f}); " if change else ""
    return Line(
        f"semble's {len(ours)} questions, NDCG@10",
        [fmean(ours.values())],
        Aim(least=CODE_AIM),
        [fmean(theirs.values())] if theirs else [],
        more=True,
        note=f"{interval}stretch {CODE_STRETCH}",
        details={"repositories": means, "petra": ours, "semble": theirs},
        verdict=change is not None and change.high >= 0 and fmean(ours.values()) >= CODE_AIM,
    )


def semble_values(python: Path, setting: Setting, repository: Repository) -> list[float]:
    """semble's NDCG@10 of each question, with our embedder's vectors."""
    tasks = labelled_code.read(repository.questions)
    below = f"{repository.root}/" if repository.root else ""
    with peers.embedder(setting.model(MODEL)) as socket:
        found = peers.ask_semble(
            python,
            {
                "folder": str(setting.repositories / repository.name / repository.root),
                "queries": [task.query for task in tasks],
                "socket": socket,
            },
        )
    files = [below + path for path in found["files"]]
    return [
        labelled_code.judge(
            [Place(below + path, (first, last)) for path, first, last in places], task, files
        ).ndcg
        for task, places in zip(tasks, found["found"], strict=True)
    ]


def evaluated(setting: Setting, *arguments: str) -> dict[str, Any]:
    """What `petra eval` says."""
    command = [sys.executable, "-m", "petra", "eval", *arguments]
    ended = subprocess.run(
        [*command, "--json", "--data-dir", str(setting.evaluation)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    return found
