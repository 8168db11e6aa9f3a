"""Kate, which opens no files for a server and takes no edits: answers are read from the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.editors.house import Home
from tests.editors.kate import kate
from tests.editors.terminal import wait_until
from tests.lsp.desk import NOTES


def test_a_code_action_and_a_chat(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with kate(home, notes / "queue.py") as editor:
        (opened,) = home.wire.until("editor", "textDocument/didOpen")
        assert opened["textDocument"]["text"] == NOTES["queue.py"]

        editor.keys("alt+Return")
        home.wire.until_replied("petra", "textDocument/codeAction")
        editor.keys("Up", "Return")  # the last: ask about this file
        (said,) = home.wire.until("petra", "window/showMessage")
        answers = Path(said["message"].removeprefix("Petra's answer is in "))

        editor.open(answers)
        home.wire.until("editor", "textDocument/didOpen", 2)
        editor.keys("ctrl+End")
        editor.type("What is the ticket lock of the Marlin kernel called?")
        editor.keys("ctrl+s")
        wait_until(lambda: "Marlin" in answers.read_text(), answers.read_text)
        editor.keys("alt+Return")
        home.wire.until_replied("petra", "textDocument/codeAction", 2)
        editor.keys("Down", "Return")
        wait_until(lambda: "<!-- conversation " in answers.read_text(), answers.read_text)
        assert "Humboldt" in answers.read_text().partition("## Answer 1")[2]
