"""Emacs with eglot, which asks before it edits unless told otherwise, and opens no documents for a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.editors.emacs import emacs
from tests.editors.house import Home


def test_ask_and_read(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with emacs(home, notes / "queue.py") as editor:
        editor.command("petra-ask", "What is the ticket lock of the Marlin kernel called?")
        (reply,) = home.wire.until_replied("petra", "workspace/executeCommand")
        assert reply["uri"].startswith("file:")
        assert home.wire.sessions == 1
