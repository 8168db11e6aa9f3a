"""A server under test: a process of its own that listens on a loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_S = 120.0


@dataclass(frozen=True)
class Server:
    """Where to ask, and the process that answers. `cells`: tokens its KV cache has room for, None where
    its /health says so."""

    name: str
    port: int
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)
    cells: int | None = None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run `command` until the block ends; yields its pid once it has said that it listens. It ends with
    this process, too, by the end of its standard input."""
    with tempfile.TemporaryFile("w+b") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=dict(environment or os.environ)
        )
        try:
            deadline = time.monotonic() + START_S
            while b"listens on" not in _said(log.fileno()):
                if child.poll() is not None or time.monotonic() > deadline:
                    said = _said(log.fileno()).decode(errors="replace")
                    raise SystemExit(f"{' '.join(command[:5])} … did not start:\n{said[-2000:]}")
                time.sleep(0.05)
            yield child.pid
        finally:
            assert child.stdin
            child.stdin.close()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _said(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 20, 0)


def default_model() -> Path:
    """The GGUF that a fresh install answers with."""
    from petra import settings
    from petra.inference import catalogue

    entry = next(entry for entry in catalogue.defaults() if entry.kind == "chat")
    return next((settings.load().models / entry.name).glob("*.gguf"))
