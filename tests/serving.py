"""A real `petra serve` in a process of its own, for tests that go in by a door."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petra import rendezvous
from petra.rendezvous import Running
from petra.settings import load

READY_SECONDS = 170  # beside much other work; pytest gives a test 180


@dataclass
class Served:
    """A server that listens, and what it wrote. All methods go over HTTP with the token."""

    data_dir: Path
    running: Running
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    def request(self, method: str, path: str, body: Any = None, timeout: float = 120) -> Any:
        """A JSON request, as a program with the token makes it."""
        request = urllib.request.Request(
            self.origin + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.running.token}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return json.load(response)

    def wait_until_ready(self) -> None:
        """Until the models can answer."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            try:
                self.request("GET", "/ready")
            except OSError:
                time.sleep(0.2)
            else:
                return
        raise TimeoutError(f"not ready after {READY_SECONDS} s:\n{self.log.read_text()[-4000:]}")

    def wait_until_embedded(self) -> None:
        """Until all that is indexed has its vectors: before, passages come in another order, and what a
        small model says depends on it."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            found = self.request("GET", "/api/v1/index")["collections"]
            if found and all(item["embedded"] == item["chunks"] for item in found):
                return
            time.sleep(0.1)
        raise TimeoutError(f"not embedded after {READY_SECONDS} s:\n{self.log.read_text()[-4000:]}")


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with the checkout's models and the given settings, and no others."""
    names = {name.upper() for name in type(load()).model_fields}
    kept = {key: value for key, value in os.environ.items() if key.upper() not in names}
    return kept | {"MODELS_DIR": str(load().models)} | settings


def petra(*arguments: str) -> list[str]:
    """The command line of `petra`, the one of this virtual environment."""
    return [sys.executable, "-m", "petra", *arguments]


@contextmanager
def served(data_dir: Path, **settings: str) -> Iterator[Served]:
    """`petra serve` on a free port over `data_dir`, ended when the block ends."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "test.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            petra("serve", "--port", "0", "--data-dir", str(data_dir)),
            cwd=data_dir,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Served(data_dir, listening(data_dir, process, log), process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def listening(data_dir: Path, process: subprocess.Popen[bytes], log: Path) -> Running:
    """Where the server that was started listens, as soon as it does."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if running := rendezvous.read(data_dir):
            return running
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"petra serve did not listen:\n{log.read_text()[-4000:]}")
