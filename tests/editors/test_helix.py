"""Helix: a chat in an answer file, citations, code actions, an edit and a cancel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.editors.helix import helix
from tests.editors.house import STORY, Home
from tests.editors.terminal import wait_until


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
        editor.terminal.until("How many direct blocks")
        editor.terminal.keys("Escape")
        editor.terminal.until("NOR")
        editor.terminal.type(" a")
        editor.terminal.until("answer this question")
        editor.terminal.keys("Enter")
        editor.terminal.until("## Answer 2")


def test_lines_are_documented_by_a_code_action(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    code = "def push_task(queue, task):\n    queue.append(task)\n"
    path = home.folder / "push.py"
    path.write_text(code)
    with helix(home, path) as editor:
        editor.terminal.type("xx a")
        editor.terminal.until("document these lines")
        editor.terminal.keys("Down", "Enter")
        home.wire.until_replied("petra", "codeAction/resolve")
        editor.terminal.until('"""')
        editor.command("write")
        wait_until(lambda: '"""' in path.read_text(), editor.terminal.screen)
        assert [
            line for line in path.read_text().splitlines() if line in code.splitlines()
        ] == code.splitlines()


def test_an_answer_is_stopped(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with helix(home, notes / "queue.py") as editor:
        editor.command(f'lsp-workspace-command petra.ask "{STORY}"')
        # The answer has begun to come.
        home.wire.until("petra", "workspace/applyEdit", 2)
        editor.command("lsp-workspace-command petra.cancel")
        assert home.wire.until_replied("petra", "workspace/executeCommand", 2)[1] == {"cancelled": 1}
        editor.terminal.until("*Stopped.*")
