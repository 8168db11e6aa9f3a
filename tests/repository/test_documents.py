"""The documents say what is there: commands, targets and rooms."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.repository.checkout import ROOT

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def code_of(text: str) -> str:
    """All that stands in code blocks and between backquotes."""
    found = re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    return "\n".join(block + inline for block, inline in found)


def test_every_make_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", code_of(README)))
    assert named
    assert named <= targets


def test_every_petra_command_of_the_readme_is_in_its_help() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "petra", "--help"], capture_output=True, text=True, check=True
    ).stdout
    named = set(re.findall(r"\bpetra ([a-z]+)", code_of(README)))
    assert {"ask", "index", "search", "lsp"} <= named
    assert not [command for command in named if not re.search(rf"\b{command}\b", shown)]


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_of_the_readme_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_map_of_the_house_shows_every_room() -> None:
    rooms = {
        entry.name
        for entry in (ROOT / "server" / "petra").iterdir()
        if (entry.is_dir() or entry.suffix == ".py") and not entry.name.startswith(("_", "."))
    }
    assert not [room for room in rooms if room not in ARCHITECTURE]
