"""Neovim, with no plugin: what a student does with Petra in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.house import STORY, Home
from tests.editors.neovim import PLACES, neovim
from tests.editors.terminal import wait_until
from tests.lsp.desk import NOTES


@pytest.mark.parametrize("version", PLACES)
def test_petra_is_there_as_soon_as_a_file_is_open(
    version: str, notes: Path, new_home: Callable[[str], Home]
) -> None:
    home = new_home("me")
    with neovim(version, home, notes / "queue.py") as editor:
        (opened,) = home.wire.until("editor", "textDocument/didOpen")
        assert opened["textDocument"]["text"] == NOTES["queue.py"]
        (said,) = home.wire.editor("initialize")
        assert release(said["clientInfo"]["version"]) >= release(version)
        assert editor.file == str(notes / "queue.py")


def test_ask_read_follow_and_ask_again(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with neovim("0.12", home, notes / "queue.py") as editor:
        editor.command("Petra What is the ticket lock of the Marlin kernel called?")
        editor.until("#vim.api.nvim_list_wins() == 2")
        editor.terminal.keys("C-w", "w")
        editor.until("vim.bo.filetype == 'markdown'")
        answers = editor.file
        editor.until_text("## Answer 1")
        text = editor.until_text("<!-- conversation ")
        assert "Humboldt" in text
        # It is saved, and the editor can be left.
        editor.until("vim.bo.modified == false")
        assert Path(answers).read_text() == f"{text}\n"
        # It was written as it came. (Neovim does not say that it takes edits with versions.)
        edits = home.wire.petra("workspace/applyEdit")
        assert len(edits) >= 2
        assert all(list(edit["edit"]["changes"]) == [Path(answers).as_uri()] for edit in edits)
        assert all(reply["applied"] for reply in home.wire.replies("editor", "workspace/applyEdit"))
        assert home.wire.sessions == 1

        editor.terminal.type("/locks.md:")
        editor.terminal.keys("Enter", "C-]")
        editor.until(f"vim.api.nvim_buf_get_name(0) == '{notes / 'locks.md'}'")

        editor.command(f"buffer {answers}")
        editor.terminal.keys("G")
        editor.terminal.type("oHow many direct blocks does a file in Marlin have?")
        editor.terminal.keys("Escape")
        editor.terminal.type("gra")
        editor.terminal.until("answer this question")
        editor.terminal.type("1")
        editor.terminal.keys("Enter")
        editor.until_text("## Answer 2")
        wait_until(lambda: editor.text.count("<!-- conversation ") == 2, lambda: editor.text)
        editor.until("vim.bo.modified == false")
        editor.command("qa")
        wait_until(lambda: not editor.terminal.alive, editor.terminal.screen)


def test_a_question_is_typed_into_a_new_file(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with neovim("0.12", home, notes / "queue.py") as editor:
        editor.command("Petra")
        editor.until("vim.bo.filetype == 'markdown' and vim.fn.line('.') == vim.fn.line('$')")
        editor.terminal.type("oWhat is the ticket lock of the Marlin kernel called?")
        editor.command("Petra")
        assert "Humboldt" in editor.until_text("<!-- conversation ")


def test_lines_are_documented_by_a_code_action(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    code = "def push_task(queue, task):\n    queue.append(task)"
    path = home.folder / "push.py"
    path.write_text(f"{code}\n")
    with neovim("0.12", home, path) as editor:
        editor.terminal.type("Vj")
        editor.terminal.type("gra")
        shown = editor.terminal.until("document these lines")
        (number,) = re.findall(r"(\d+): Petra: document these lines", shown)
        editor.terminal.type(number)
        editor.terminal.keys("Enter")
        home.wire.until_replied("petra", "codeAction/resolve")
        text = editor.until_text('"""')
        assert text.splitlines()[0] == code.splitlines()[0]
        assert text.splitlines()[-1] == code.splitlines()[-1]
        editor.terminal.keys("Escape", "u")
        wait_until(lambda: editor.text == code, lambda: editor.text)


def test_an_answer_is_stopped(notes: Path, new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    with neovim("0.12", home, notes / "queue.py") as editor:
        editor.command(f"Petra {STORY}")
        editor.until("#vim.api.nvim_list_wins() == 2")
        editor.terminal.keys("C-w", "w")
        wait_until(lambda: len(said(editor.text)) > 40, lambda: editor.text)
        editor.command("PetraStop")
        editor.until_text("*Stopped.*")
        # The model is free again: a short question does not wait for the story.
        editor.terminal.keys("C-w", "w")
        editor.command("Petra How many direct blocks does a file in Marlin have?")
        editor.until("#vim.api.nvim_list_wins() == 3")


def release(version: str) -> tuple[int, ...]:
    """A version's first two numbers, to compare it with another."""
    return tuple(int(part) for part in version.split(".")[:2])


def said(text: str) -> str:
    """The first answer in an answer file, as far as it is there."""
    return text.partition("## Answer 1")[2].partition("## Ask")[0]
