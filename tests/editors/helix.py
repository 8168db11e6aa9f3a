"""Helix in a terminal, with the configuration of docs/editors.md. Keys and screen are its only doors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.editors.house import NEWER, Home, program
from tests.editors.page import snippet
from tests.editors.terminal import Terminal, terminal


@dataclass(frozen=True)
class Helix:
    """One that runs."""

    home: Home
    terminal: Terminal
    program: str

    def command(self, line: str) -> None:
        """Type a command of the command line."""
        self.terminal.type(f":{line}")
        self.terminal.keys("Enter")


@contextmanager
def helix(home: Home, path: Path) -> Iterator[Helix]:
    """Helix with `path` open, and Petra attached to it."""
    place = home.config / "helix"
    place.mkdir()
    (place / "languages.toml").write_text(snippet("Helix", "toml"))
    command = program("hx", NEWER)
    with terminal(path.parent, home.environment(), command, str(path)) as opened:
        home.wire.until("editor", "textDocument/didOpen")
        opened.until("NOR")
        yield Helix(home, opened, command)
