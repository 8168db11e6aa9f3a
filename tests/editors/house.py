"""The machine of a person who works with an editor: a home of its own, and a `petra` that is recorded."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.editors.wire import Wire
from tests.serving import Served, environment

ROOT = Path(__file__).resolve().parents[2]
NEWER = ROOT / ".make" / "editors" / "bin"

STORY = "Tell a long story of the Marlin kernel, its scheduler, its lock and its files, with twelve chapters."
"""What the small model writes hundreds of tokens about: it can be stopped in the middle."""


def program(name: str, *places: Path) -> str:
    """An editor's program: from one of the places, or the machine's own."""
    found = next((str(place / name) for place in places if (place / name).exists()), shutil.which(name))
    if found is None:
        pytest.skip(f"there is no {name}: `make test-setup` installs it where it can")
    return found


@dataclass(frozen=True)
class Home:
    """A home directory, in which `petra` is on the path and finds the server of the tests."""

    folder: Path
    server: Served

    @property
    def wire(self) -> Wire:
        return Wire(self.folder / "wire")

    @property
    def config(self) -> Path:
        return self.folder / ".config"

    def environment(self) -> dict[str, str]:
        """For an editor that starts in this home."""
        mine = environment(
            DATA_DIR=str(self.server.data_dir),
            HOME=str(self.folder),
            PYTHONPATH=str(ROOT),
            TERM="xterm-256color",
            LANG="C.UTF-8",
        )
        mine = {name: value for name, value in mine.items() if not name.startswith(("XDG_", "TMUX"))}
        return mine | {"PATH": f"{self.folder / 'bin'}:{mine['PATH']}"}


def home(folder: Path, server: Served) -> Home:
    """A new home."""
    made = Home(folder, server)
    for name in ("bin", "wire", ".config"):
        (folder / name).mkdir(parents=True)
    tee = ROOT / "tests" / "editors" / "tee.py"
    petra = Path(sys.executable).parent / "petra"
    command = folder / "bin" / "petra"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tee}" "{made.wire.folder}" "{petra}" "$@"\n')
    command.chmod(0o755)
    return made
