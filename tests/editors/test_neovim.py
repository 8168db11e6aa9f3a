"""Neovim, with no plugin: what a student does with Petra in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.editors.house import Home
from tests.editors.neovim import PLACES, neovim
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
        assert said["clientInfo"]["version"].startswith(version)
        assert editor.file == str(notes / "queue.py")
