"""Emacs with eglot 1.9, which opens no document for a server: an answer is read from the disk as it grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.editors.emacs import emacs
from tests.editors.house import Home


def test_ask_read_follow_and_ask_again(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with emacs(home, notes / "queue.py") as editor:
        editor.command("petra-ask", "What is the ticket lock of the Marlin kernel called?")
        assert "Humboldt" in editor.terminal.until("<!-- conversation ")
        editor.command("eglot")
        home.wire.until("editor", "textDocument/didOpen", 2)

        editor.terminal.keys("M-<", "C-s")
        editor.terminal.type("locks.md:")
        editor.terminal.keys("Enter", "M-.")
        editor.terminal.until("The Marlin kernel guards its run queue")

        editor.terminal.keys("M-,", "M->")
        editor.terminal.type("How many direct blocks does a file in Marlin have?")
        editor.command("eglot-code-actions")
        editor.terminal.until("answer this question")
        editor.terminal.keys("Enter")
        editor.terminal.until("## Answer 2")
        home.wire.until("petra", "workspace/applyEdit", 2)
