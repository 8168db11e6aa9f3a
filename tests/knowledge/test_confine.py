"""What an extraction child has given up: proved by a process that tries to take it back."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.extract.process import Child
from tests import office

TRIES = """
import os, socket, sys
from petra.knowledge.extract import confine
path, how = sys.argv[1:]
getattr(confine, how)()
def tried(name, call):
    try:
        call()
        print(name)
    except OSError:
        pass
tried("read", lambda: os.open(path, os.O_RDONLY))
tried("write", lambda: os.open(path, os.O_WRONLY))
tried("create", lambda: os.open(path + ".new", os.O_WRONLY | os.O_CREAT))
tried("folder", lambda: os.mkdir(path + ".folder"))
tried("remove", lambda: os.unlink(path))
tried("socket", lambda: socket.socket())
tried("pair", lambda: socket.socketpair())
tried("unix", lambda: socket.socket(socket.AF_UNIX))
tried("signal", lambda: os.kill(os.getppid(), 0))
tried("program", lambda: os.execv("/bin/true", ["true"]))
"""


def linux_can(word: str) -> bool:
    """Whether this kernel has Landlock or seccomp, as it says itself."""
    if sys.platform != "linux":
        return False
    if word == "seccomp":
        return "Seccomp:" in Path("/proc/self/status").read_text()
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


@pytest.mark.parametrize(
    ("how", "left"), [("to_reading", {"read"}), ("to_fonts", set[str]()), ("to_nothing", set[str]())]
)
def test_a_confined_process_has_neither_files_nor_sockets(tmp_path: Path, how: str, left: set[str]) -> None:
    path = tmp_path / "file"
    path.write_text("words")
    command = [sys.executable, "-c", TRIES, str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    could = set(done.stdout.split())
    if linux_can("landlock"):
        assert not could & {"write", "create", "folder", "remove"}
        assert how == "to_reading" or "read" not in could
    if linux_can("seccomp"):
        assert not could & {"socket", "pair", "unix", "signal", "program"}
    if how == "to_nothing":
        assert not could & {"read", "write", "create", "socket", "pair"}, "the limit on files holds anywhere"
    assert left <= could


def test_without_any_of_it_nothing_is_said(tmp_path: Path) -> None:
    """A kernel that knows neither call, a machine that nobody has numbers for."""
    script = (
        "import os\nfrom petra.knowledge.extract import confine\n"
        "confine._CREATE_RULESET = 100_000\nconfine._CALLS = {}\n"
        "confine.to_reading()\nconfine.to_fonts()\nprint(len(os.listdir('/')) > 0)\nconfine.to_nothing()\n"
        "try:\n    os.open('/', 0)\nexcept OSError as error:\n    print(error.strerror)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["True", "Too many open files"]
    assert not done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_children_are_confined_when_they_read(tmp_path: Path) -> None:
    """The long-lived child before its first file; the one for a binary file before it parses."""
    extractor = Extractor(tokenizer=None, chunk_size=200, chunk_overlap=0)
    path = office.docx(tmp_path / "a.docx", office.paragraph("Words."))
    child = await extractor._start(idle=False)
    try:
        request = {"op": "extract", "path": str(path), "name": "a.docx", "made_too": True}
        (referred,) = await asyncio.to_thread(_asked, child, {**request, "forms": ["text"]})
        assert referred == {"refer": "zip"}
        assert _filters(child._process.pid) == 1
        answers = await asyncio.to_thread(_asked, child, {**request, "forms": ["zip"]})
        assert json.dumps(answers[0]["piece"][1]) == '"Words."'
        assert _filters(child._process.pid) == 2
        limits = Path(f"/proc/{child._process.pid}/limits").read_text()
        assert "Max open files            0                    0" in limits
    finally:
        await extractor._run(child.end)
        await extractor.close()


def _asked(child: Child, request: dict[str, Any]) -> list[dict[str, Any]]:
    return list(child.ask(request, "a.docx"))


def _filters(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().split("\n")
    return next(int(line.split()[1]) for line in lines if line.startswith("Seccomp_filters"))
