"""Three editors of one person on one machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil

from tests.editors.emacs import emacs
from tests.editors.helix import helix
from tests.editors.house import Home
from tests.editors.neovim import neovim

QUESTION = "What is the ticket lock of the Marlin kernel called?"


def test_three_editors_share_one_model(notes: Path, new_home: Callable[[str], Home]) -> None:
    homes = [new_home(name) for name in ("neovim", "helix", "emacs")]
    with (
        neovim("0.11", homes[0], notes / "queue.py") as one,
        helix(homes[1], notes / "locks.md") as two,
        emacs(homes[2], notes / "queue.py") as three,
    ):
        one.command(f"Petra {QUESTION}")
        two.command(f'lsp-workspace-command petra.ask "{QUESTION}"')
        three.command("petra-ask", QUESTION)
        for editor in (one, two, three):
            assert "Humboldt" in editor.terminal.until("<!-- conversation ")
        one.until("#vim.fn.getbufinfo({ bufmodified = 1 }) == 0")
        # Nobody started another server, and the one there is has one model that writes.
        begun = [home.wire.until_replied("petra", "workspace/executeCommand")[0] for home in homes]
        assert len({answer["uri"] for answer in begun}) == 3
        assert len(workers(homes[0].server.process.pid, "chat")) == 1


def workers(pid: int, name: str) -> list[str]:
    """The command lines of a server's workers of a name."""
    lines = [" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)]
    return [line for line in lines if f"petra.inference.worker {name}" in line]
