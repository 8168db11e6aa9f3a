"""Fetches the seven repositories of semble's benchmark at their commits, outside of this one.

    python -m benchmarks.knowledge.repositories TARGET [--data DIR] [--from DIR]

TARGET/<name> then holds the files of the commit. `--data` has `semble/repos.json` and the labels; `--from` a
folder of clones, TARGET's names or their owner and name, for a machine that cannot reach the addresses. What
is there already at the right commit stays.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.knowledge.data import DATA

COMMIT = ".commit"


@dataclass(frozen=True)
class Repository:
    """One of them. `root` is the folder of it that is indexed, "" for all of it."""

    name: str
    url: str
    revision: str
    root: str
    questions: Path


def repositories(data: Path) -> list[Repository]:
    """Those that have labelled questions."""
    listed = json.loads((data / "semble" / "repos.json").read_text(encoding="utf-8"))
    found = []
    for item in listed:
        questions = data / "semble" / "annotations" / f"{item['name']}.json"
        if questions.is_file():
            root = item.get("benchmark_root") or ""
            found.append(Repository(item["name"], item["url"], item["revision"], root, questions))
    return sorted(found, key=lambda repository: repository.name)


def fetch(repository: Repository, target: Path, source: str) -> None:
    """Its files at its commit in `target`/<name>, from the address or clone `source`."""
    folder = target / repository.name
    mark = folder / COMMIT
    if mark.is_file() and mark.read_text() == repository.revision:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _git(folder, "init", "--quiet")
    _git(folder, "fetch", "--quiet", "--depth=1", source, repository.revision)
    _git(folder, "-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD")
    mark.write_text(repository.revision)


def clone(repository: Repository, folder: Path) -> Path | None:
    """The clone of it in `folder`, if there is one."""
    owner, name = repository.url.removesuffix(".git").split("/")[-2:]
    places = (folder / repository.name, folder / owner / name, folder / f"{owner}+{name}" / "repo")
    return next((place for place in places if place.is_dir()), None)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--from", dest="source", type=Path)
    options = parser.parse_args()
    for repository in repositories(options.data):
        here = clone(repository, options.source) if options.source else None
        fetch(repository, options.target, str(here or repository.url))
        print(repository.name, repository.revision[:12])


if __name__ == "__main__":
    main()
