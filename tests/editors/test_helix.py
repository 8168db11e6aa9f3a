"""Helix: a chat in an answer file, citations, code actions and a cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.editors.helix import helix
from tests.editors.house import Home


def test_ask_read_follow_and_ask_again(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with helix(home, notes / "queue.py") as editor:
        editor.command(
            'lsp-workspace-command petra.ask "What is the ticket lock of the Marlin kernel called?"'
        )
        home.wire.until("petra", "window/showDocument")
        assert "Humboldt" in editor.terminal.until("<!-- conversation ")
        assert len(home.wire.petra("workspace/applyEdit")) >= 2
        assert all(reply["applied"] for reply in home.wire.replies("editor", "workspace/applyEdit"))
        assert home.wire.sessions == 1

        editor.terminal.type("gg/^1\\. ")
        editor.terminal.keys("Enter")
        editor.terminal.type("wgd")
        editor.terminal.until("The Marlin kernel guards its run queue")

        editor.command("buffer-previous")
        editor.terminal.type("geoHow many direct blocks does a file in Marlin have?")
        editor.terminal.keys("Escape")
        editor.terminal.until("NOR")
        editor.terminal.type(" a")
        editor.terminal.until("answer this question")
        editor.terminal.keys("Enter")
        editor.terminal.until("## Answer 2")
