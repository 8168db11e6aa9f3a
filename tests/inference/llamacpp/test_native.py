"""What llama.cpp and the C library are told once."""

import subprocess
import sys

ROUND = """
import psutil
from petra.inference.worker.llamacpp import native

held = lambda: psutil.Process().memory_info().rss >> 20
{start}
larger = b"x" * (16 << 20)
del larger  # after which glibc takes smaller blocks from its heap
histories = [b"x" * (4 << 20) for _ in range(20)]
most = held()
last = histories.pop()
del histories
print(most - held())
"""


def test_parked_histories_go_back_to_the_system_when_they_are_forgotten() -> None:
    back = {
        start: int(subprocess.check_output([sys.executable, "-c", ROUND.format(start=start)], text=True))
        for start in ("native.start()", "")
    }
    assert back["native.start()"] >= 19 * 4 - 2
    assert back[""] < 19 * 4 // 2, "the C library does so by itself, and need not be told"
