"""Who runs first when a keystroke comes: the server's threads, and not what computes."""

from __future__ import annotations

import ctypes
import platform
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import served

NOWHERE = "http://127.0.0.1:9/v1"
SHORT = 100_000
KNOWN = tuple(int(part) for part in platform.release().split(".")[:2]) >= (6, 12)
"""Whether this kernel has turns of a chosen length; before, they are all the same."""


def turn(thread: int) -> int:
    """How long a thread's turns are, in nanoseconds."""
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]  # sched_getattr
    found = ctypes.create_string_buffer(48)
    assert ctypes.CDLL(None).syscall(number, thread, found, 48, 0) == 0
    return int(struct.unpack("=IIQiIQQQ", found.raw)[5])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these")
def test_every_thread_of_the_server_takes_short_turns(tmp_path: Path) -> None:
    with served(tmp_path, MODEL_PATH=NOWHERE, EMBEDDING_MODEL=NOWHERE) as server:
        threads = [int(task.name) for task in Path(f"/proc/{server.process.pid}/task").iterdir()]
        assert len(threads) > 1 and {turn(thread) for thread in threads} == {SHORT if KNOWN else turn(0)}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these")
def test_what_computes_gives_them_back() -> None:
    script = (
        "import sys; from petra import platform; from tests.lsp.test_turns import turn\n"
        "platform.take_short_turns(); print(turn(0)); platform.take_usual_turns(); print(turn(0))"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True
    )
    assert [int(line) for line in said.stdout.split()] == [SHORT if KNOWN else turn(0), turn(0)]
