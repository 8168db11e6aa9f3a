"""Emacs with eglot in a terminal, with the configuration of docs/editors.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.editors.house import Home, program
from tests.editors.page import snippet
from tests.editors.terminal import Terminal, terminal


@dataclass(frozen=True)
class Emacs:
    """One that runs."""

    home: Home
    terminal: Terminal
    program: str

    def command(self, name: str, *answers: str) -> None:
        """`M-x` a command, and answer what it asks."""
        self.terminal.keys("M-x")
        for line in (name, *answers):
            self.terminal.type(line)
            self.terminal.keys("Enter")


@contextmanager
def emacs(home: Home, path: Path) -> Iterator[Emacs]:
    """Emacs with `path` open, and eglot started there as a person does."""
    # In a new home Emacs compiles its own libraries first: 9 s of the processor, beside what is tested.
    early = home.folder / ".emacs.d" / "early-init.el"
    early.parent.mkdir()
    early.write_text("(setq native-comp-deferred-compilation nil native-comp-enable-subr-trampolines nil)\n")
    (home.folder / ".emacs").write_text(snippet("Emacs", "elisp"))
    command = program("emacs")
    with terminal(path.parent, home.environment(), command, "-nw", str(path)) as opened:
        opened.until(path.name)
        editor = Emacs(home, opened, command)
        editor.command("eglot")
        home.wire.until("editor", "textDocument/didOpen")
        yield editor
