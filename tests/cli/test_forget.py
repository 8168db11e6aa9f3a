"""`petra forget`. The tests build on each other."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from petra.cli.forget import meant
from petra.errors import BadRequest, NotFound
from tests.cli.conftest import Shell
from tests.serving import petra

MINE: list[dict[str, Any]] = [
    {"id": "1", "name": "course", "root": "/a/course"},
    {"id": "2", "name": "course 2", "root": "/b/course"},
    {"id": "3", "name": "Uploads", "root": None},
]


@pytest.mark.parametrize(
    ("given", "here", "id"),
    [
        ("course", "/", "1"),
        ("course 2", "/b", "2"),
        ("Uploads", "/", "3"),
        ("/b/course/", "/", "2"),
        ("../course", "/a/x", "1"),
        (".", "/b/course", "2"),
        ("course", "/a", "1"),
    ],
)
def test_a_collection_is_meant_by_its_name_or_its_folder(given: str, here: str, id: str) -> None:
    assert meant(given, MINE, Path(here))["id"] == id


def test_what_could_mean_two_or_none_is_refused() -> None:
    with pytest.raises(BadRequest, match="the name of one collection and the folder of another"):
        meant("course", MINE, Path("/b"))
    with pytest.raises(NotFound) as caught:
        meant("/a/course/week 1", MINE, Path("/"))
    assert "part of the collection course" in caught.value.cause and ".petraignore" in caught.value.remedy
    for given in ("nowhere", "", "/a"):
        with pytest.raises(NotFound) as caught:
            meant(given, MINE, Path("/"))
        assert "course, course 2, Uploads" in caught.value.cause
    with pytest.raises(NotFound) as caught:
        meant("x", [], Path("/"))
    assert "none yet" in caught.value.cause


def test_without_a_terminal_it_asks_for_yes(shell: Shell) -> None:
    shell.run("index", "course")
    refused = shell.run("forget", "course", code=1)
    assert "petra forget course --yes" in refused.stderr
    assert "paging.md" in shell.run("search", "page table").stdout


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 0)])
def test_at_a_terminal_it_asks(shell: Shell, answer: str, code: int) -> None:
    terminal, end = pty.openpty()
    command, place = petra("forget", "./course"), shell.folder
    process = subprocess.Popen(command, cwd=place, env=shell.environ, stdin=end, stdout=end, stderr=end)
    os.close(end)
    said = b""
    while b"[y/N] " not in said:
        said += os.read(terminal, 4096)
    assert b"3 documents of " in said and b"The files themselves stay" in said
    os.write(terminal, f"{answer}\n".encode())
    while chunk := _read(terminal):
        said += chunk
    assert process.wait(20) == code
    os.close(terminal)
    assert (b"course is removed: 3 documents" in said) is (code == 0), said
    assert (shell.folder / "course" / "paging.md").exists()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_what_is_forgotten_is_not_there_after_a_restart(shell: Shell) -> None:
    assert "Nothing was found" in shell.run("search", "page table").stdout
    assert "There are none yet" in shell.run("forget", "course", "--yes", code=1).stderr
    shell.run("stop")
    assert "Nothing was found" in shell.run("search", "page table").stdout
    assert "collection" not in shell.run("status").stdout


def test_a_folder_that_is_gone_can_be_forgotten(shell: Shell) -> None:
    (shell.folder / "short").mkdir()
    (shell.folder / "short" / "a.md").write_text("A wombat digs.\n")
    shell.run("index", "short")
    shutil.rmtree(shell.folder / "short")
    assert "short is removed: 1 document" in shell.run("forget", "short", "--yes").stdout
