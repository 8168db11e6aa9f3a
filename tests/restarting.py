"""The model that answers is killed, and starting it again takes as long as a test likes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

AGAIN = "Waiting for the model: it is being started again"
"""What a person reads who asks meanwhile."""


def killed_and_held(chat: Callable[[], Mapping[str, Any]]) -> int:
    """Kill the worker and stop the one that takes its place, before it is ready. `chat` says how the worker
    is, as the server's status has it. Returns the new one's process, for `signal.SIGCONT`."""
    former = chat()["pid"]
    os.kill(former, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (now := chat())["state"] != "restarting" or now.get("pid") in (None, former):
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    os.kill(now["pid"], signal.SIGSTOP)
    return int(now["pid"])
