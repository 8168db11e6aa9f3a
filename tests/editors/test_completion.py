"""What Petra suggests at the cursor is accepted: inline in Neovim 0.12, from the list in Neovim 0.11, Helix
and Emacs. The model is the tiny one that repeats the end of its prompt: what it says is known, and of quality
there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.editors.emacs import emacs
from tests.editors.helix import helix
from tests.editors.house import Home, home
from tests.editors.neovim import neovim
from tests.editors.terminal import wait_until
from tests.inference import gguf_files
from tests.serving import Served, served


@pytest.fixture(scope="module")
def filling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose model fills in the middle."""
    folder = tmp_path_factory.mktemp("filling")
    with served(folder / "data", MODEL_PATH=str(gguf_files.echo(folder / "echo.gguf"))) as running:
        running.wait_until_ready()
        yield running


CODE = "def push(task):\n    return queue.\n"


@pytest.fixture
def new_home(filling: Served, tmp_path: Path) -> Callable[[str], Home]:
    return lambda name: home(tmp_path / name, filling)


def test_inline(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    path = home.folder / "push.py"
    path.write_text(CODE)
    with neovim("0.12", home, path) as editor:
        editor.terminal.type("GA")
        home.wire.until_replied("petra", "textDocument/inlineCompletion")
        before = editor.text
        (suggested,) = next(filter(None, home.wire.replies("petra", "textDocument/inlineCompletion")))
        editor.terminal.keys("Tab")
        text = editor.until_text(suggested["insertText"])
        assert text == before + suggested["insertText"]


def test_from_the_list(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    path = home.folder / "push.py"
    path.write_text(CODE)
    with neovim("0.11", home, path) as editor:
        editor.terminal.type("GA")
        editor.terminal.keys("C-x", "C-o")
        # The only one there is goes in without being picked.
        assert editor.until_text(f"return queue.{suggested(home)}")


def test_from_the_list_of_helix(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    path = home.folder / "push.py"
    path.write_text(CODE)
    with helix(home, path) as editor:
        editor.terminal.type("jA")
        editor.terminal.until("INS")
        editor.terminal.keys("C-x")
        new = suggested(home)
        editor.terminal.until(" text")  # the list: a kind beside each suggestion
        editor.terminal.keys("C-n", "Enter", "Escape")
        editor.terminal.until("NOR")
        editor.command("write")
        wait_until(lambda: f"return queue.{new}" in path.read_text(), editor.terminal.screen)


def test_from_the_list_of_emacs(new_home: Callable[[str], Home]) -> None:
    home = new_home("me")
    path = home.folder / "push.py"
    path.write_text(CODE)
    with emacs(home, path) as editor:
        editor.terminal.keys("C-n", "C-e", "Escape", "Tab")
        new = suggested(home)
        editor.terminal.keys("C-x", "C-s")
        wait_until(lambda: f"return queue.{new}" in path.read_text(), editor.terminal.screen)


def suggested(home: Home) -> str:
    """The one suggestion that was listed."""
    lists = home.wire.until_replied("petra", "textDocument/completion")
    (item,) = next(listed["items"] for listed in lists if listed)
    return str(item["textEdit"]["newText"])
