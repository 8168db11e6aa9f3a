"""VS Code, with the extension of the page: a chat in an answer file, a citation, an edit, a suggestion.

`make test-vscode` runs this, and `make test` does not: VS Code and its browser take most of a processor for
half a minute each time they start, and beside other work minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pygls.uris import to_fs_path

from tests.editors.house import Home, home
from tests.editors.terminal import wait_until
from tests.editors.vscode import VSCode, vscode
from tests.inference import gguf_files
from tests.lsp.desk import NOTES
from tests.serving import Served, served


@pytest.fixture
def filling(tmp_path: Path) -> Iterator[Served]:
    """A server whose model fills in the middle, in its way: it repeats the end of its prompt."""
    with served(tmp_path / "data", MODEL_PATH=str(gguf_files.echo(tmp_path / "echo.gguf"))) as running:
        running.wait_until_ready()
        yield running


def test_ask_read_follow_and_ask_again(notes: Path, new_home: Callable[[str], Home]) -> None:
    mine = new_home("me")
    with vscode(mine, notes / "queue.py") as editor:
        (opened,) = mine.wire.until("editor", "textDocument/didOpen")
        assert opened["textDocument"]["text"] == NOTES["queue.py"]
        answers = new_answers(editor)
        editor.write("What is the ticket lock of the Marlin kernel called?")
        answer(editor)
        assert "Humboldt" in editor.until("<!-- conversation ")
        editor.keys("Control+s")
        wait_until(lambda: "<!-- conversation " in answers.read_text(), answers.read_text)
        assert all(reply["applied"] for reply in mine.wire.replies("editor", "workspace/applyEdit"))

        editor.keys("Control+f")
        editor.write("locks.md:")
        editor.keys("Enter", "Escape", "F12")
        editor.until("The Marlin kernel guards its run queue")

        editor.keys("Control+Alt+Minus")  # back
        editor.until("## Answer 1")
        editor.keys("Control+End")
        editor.write("How many direct blocks does a file in Marlin have?")
        answer(editor)
        editor.until("## Answer 2")


def test_lines_are_documented_by_a_code_action(new_home: Callable[[str], Home]) -> None:
    mine = new_home("me")
    code = "def push_task(queue, task):\n    queue.append(task)\n"
    path = mine.folder / "push.py"
    path.write_text(code)
    with vscode(mine, path) as editor:
        editor.keys("Control+a")
        document = editor.page.get_by_text("Petra: document these lines")
        editor.press("Control+.", document.is_visible)
        document.click()
        mine.wire.until_replied("petra", "codeAction/resolve")
        # It shows what would be changed, and changes what is ticked.
        editor.until("Refactor Preview")
        editor.page.locator(".edit-checkbox").first.click()
        editor.page.get_by_role("button", name="Apply", exact=True).click()
        editor.until('    """')
        editor.keys("Control+s")
        wait_until(lambda: '"""' in path.read_text(), editor.shown)
        assert [
            line for line in path.read_text().splitlines() if line in code.splitlines()
        ] == code.splitlines()


def test_a_suggestion_is_accepted(filling: Served, tmp_path: Path) -> None:
    mine = home(tmp_path / "me", filling)
    path = mine.folder / "push.py"
    path.write_text("def push(task):\n    return queue\n")
    with vscode(mine, path) as editor:
        editor.keys("Control+Home", "ArrowDown", "End", ".")
        replies = mine.wire.until_replied("petra", "textDocument/inlineCompletion")
        (suggested,) = next(filter(None, replies))
        editor.until(f"return queue.{suggested['insertText']}")
        editor.keys("Tab", "Control+s")
        text = f"def push(task):\n    return queue.{suggested['insertText']}\n"
        wait_until(lambda: path.read_text() == text, editor.shown)


def new_answers(editor: VSCode) -> Path:
    """A new answer file, with the cursor where the question goes."""
    editor.command("Petra: Ask")
    (begun,) = editor.home.wire.until_replied("petra", "workspace/executeCommand")
    path = Path(to_fs_path(begun["uri"]) or "")
    editor.until(path.name)
    return path


def answer(editor: VSCode) -> None:
    """Press the key of the page until Petra is asked."""
    wire = editor.home.wire
    before = len(wire.editor("workspace/executeCommand"))
    editor.press("Control+Alt+p", lambda: len(wire.editor("workspace/executeCommand")) > before)
