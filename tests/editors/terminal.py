"""A terminal that a program runs in: type into it and look at its screen."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

SECONDS = 180.0
"""How long a test waits for what has to come. It comes in seconds, and beside much other work in minutes."""


class Terminal:
    """A terminal of tmux, of a server of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names: `Enter`, `Escape`, `C-c`; other words are typed as they are."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        return subprocess.run(["tmux", "-L", self._name, "has-session"], capture_output=True).returncode == 0

    def until(self, text: str) -> str:
        """The screen as soon as it shows `text`."""
        wait_until(lambda: text in self.screen(), lambda: f"no {text!r} on the screen:\n{self.screen()}")
        return self.screen()

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._name, *arguments], check=True, capture_output=True, text=True
        ).stdout


def wait_until(holds: Callable[[], object], otherwise: Callable[[], str], seconds: float = SECONDS) -> None:
    """Return when something holds; AssertionError when it does not come to that. A file that is not there
    does not hold yet: an editor that saves takes the old one away first."""
    deadline = time.monotonic() + seconds
    while True:
        with suppress(FileNotFoundError):
            if holds():
                return
        if time.monotonic() > deadline:
            raise AssertionError(otherwise())
        time.sleep(0.05)


@contextmanager
def terminal(folder: Path, environment: Mapping[str, str], *command: str) -> Iterator[Terminal]:
    """A terminal in `folder` in which `command` runs; both end with the block."""
    name = f"petra-{uuid4().hex[:8]}"
    tmux = ["tmux", "-L", name, "-f", "/dev/null"]
    size = ["-x", "140", "-y", "45", "-c", str(folder)]
    subprocess.run([*tmux, "new-session", "-d", *size, *command], check=True, env=environment)
    try:
        yield Terminal(name)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True)
