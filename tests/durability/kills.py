"""The loop that kills, and remembers what was acknowledged."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import old_database
from .killed import STEPS

ROOT = Path(__file__).resolve().parents[2]
KILLED = -9


@dataclass
class Loop:
    """What the lives have said so far. `uploads` are those acknowledged and not removed, `begun` and
    `removing` what was under way when a life ended."""

    folder: Path
    process: subprocess.Popen[str]
    chance: random.Random
    uploads: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    removing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    points: int = 120 * STEPS

    def live(self, *, to_its_end: bool = False, early: bool = False) -> None:
        """One life: killed at a point of its writes or at a time, early (while it starts) or later."""
        asked: dict[str, Any] = {"do": "live", "seed": self.chance.getrandbits(32), "early": early}
        asked |= {"point": None, "uploads": self.uploads, "begun": self.begun, "removing": self.removing}
        if not to_its_end:
            if self.chance.random() < 0.7:
                asked["point"] = self.chance.randrange(200 if early else self.points)
            else:
                asked["seconds"] = self.chance.uniform(0.02, 0.3 if early else 1.0)
        said = self._told(asked)
        if any(what == "state" for what, _ in said):
            self.begun, self.removing = [], []
        for what, value in said:
            self._take(what, value)

    def migrate(self, fresh: Path) -> None:
        """An old database is opened and killed at that, then opened once more."""
        shutil.copy(fresh, self.folder / "old.db")
        asked = {"do": "migrate", "database": "old.db", "point": self.chance.randrange(27)}
        for what, value in (*self._told(asked), *self._told(asked | {"point": None})):
            self._take(what, value)
        for path in self.folder.glob("old.db*"):
            path.unlink()

    def forget(self, point: int) -> tuple[bool, int | None]:
        """A collection is removed, killed at that point, and looked for. Returns whether it was still whole,
        and how many points there are, when its removal was not killed."""
        said = dict(self._told({"do": "forget", "point": point}))
        for what, value in self._told({"do": "forgotten", **said["filled"]}):
            self._take(what, value)
            if what == "whole":
                return value, said.get("count")
        raise AssertionError("it was not looked for")

    def _take(self, what: str, value: Any) -> None:
        if what == "problems":
            self.problems += value
        elif what == "crashed":
            self.problems.append(value)
        elif what == "state":
            self.uploads = dict(value["uploads"])
        elif what == "begun":
            self.begun.append(value)
        elif what == "uploaded":
            self.uploads[value[0]] = value[1]
            self.begun.remove(value[1])
        elif what == "removing":
            self.removing.append(value)
        elif what == "removed":
            self.uploads.pop(value)
            self.removing.remove(value)
        elif what == "over":
            self.ends["killed" if value == KILLED else "ended"] += 1

    def _told(self, asked: dict[str, Any]) -> list[tuple[str, Any]]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            said.append(tuple(json.loads(line)))
            if said[-1][0] == "over":
                return said
        raise AssertionError("the one who forks has ended")


@contextmanager
def loop(folder: Path, seed: int) -> Iterator[Loop]:
    """A loop over what is in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.durability.killed", str(folder)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    try:
        yield Loop(folder, process, random.Random(seed))  # noqa: S311
    finally:
        assert process.stdin and process.stdout
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def kill(folder: Path, times: int, seed: int) -> Loop:
    """Kill so often; the last life goes to its end and finds everything. Returns what there was to say."""
    old_database.make(folder / "first.db")
    with loop(folder / "data", seed) as lives:
        round = 0
        while lives.ends["killed"] < times and not lives.problems:
            round += 1
            if round % 3 == 0:
                lives.migrate(folder / "first.db")
            else:
                # Never twice in a row: a job that takes the server down three times is given up.
                lives.live(early=round % 4 == 0)
        lives.live(to_its_end=True)
        return lives
