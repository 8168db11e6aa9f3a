"""Emacs with eglot 1.9, which opens no document for a server: an answer is read from the disk as it grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pygls.uris import to_fs_path

from tests.editors.emacs import emacs
from tests.editors.house import STORY, Home
from tests.editors.terminal import wait_until


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


def test_lines_are_documented_by_a_code_action(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    code = "def push_task(queue, task):\n    queue.append(task)\n"
    path = home.folder / "push.py"
    path.write_text(code)
    with emacs(home, path) as editor:
        editor.terminal.keys("M-<", "C-Space", "M->")
        editor.command("eglot-code-actions", "Petra: document these lines")
        (reply,) = home.wire.until_replied("editor", "workspace/applyEdit")
        assert reply["applied"]
        editor.terminal.keys("C-x", "C-s")
        wait_until(lambda: '"""' in path.read_text(), editor.terminal.screen)
        assert [
            line for line in path.read_text().splitlines() if line in code.splitlines()
        ] == code.splitlines()


def test_an_answer_is_stopped(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with emacs(home, notes / "queue.py") as editor:
        editor.command("petra-ask", STORY)
        (begun,) = home.wire.until_replied("petra", "workspace/executeCommand")
        answers = Path(to_fs_path(begun["uri"]) or "")
        wait_until(lambda: "*Waiting" not in answers.read_text(), answers.read_text)
        editor.command("petra-stop")
        assert home.wire.until_replied("petra", "workspace/executeCommand", 2)[1] == {"cancelled": 1}
        editor.terminal.until("*Stopped.*")
