"""Peers, each installed from its package into an environment of its own, which is kept in `build/`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.knowledge.data import ROOT

SEMBLE = "semble==0.7.0"
PEERS = ROOT / "build" / "peers"


def semble() -> Path | None:
    """A Python that has semble; None (and why on stderr) when it cannot be installed."""
    folder = PEERS / SEMBLE.replace("==", "-")
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", SEMBLE]
        if subprocess.run(install, check=False).returncode:
            print(f"{SEMBLE} cannot be installed: its rows have no peer", file=sys.stderr)
            return None
        done.touch()
    return python


def ask_semble(python: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run one job of `semble_peer` in a process of its own, with an empty cache."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as cache:
        ended = subprocess.run(
            [str(python), str(Path(__file__).with_name("semble_peer.py"))],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            env={**os.environ, "SEMBLE_CACHE_LOCATION": cache, "HF_HUB_OFFLINE": "1"},
            check=False,
        )
    if ended.returncode:
        raise SystemExit(f"semble failed:\n{ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@contextmanager
def embedder(model: Path) -> Iterator[str]:
    """Petra's embedding worker with this model, on a unix socket of its own."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        socket = Path(folder) / "s"
        command = [sys.executable, "-m", "petra.inference.worker", "embed", "--model", str(model)]
        process = subprocess.Popen(
            [*command, "--listen", f"unix:{socket}"],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )
        try:
            _wait_for(socket, process)
            yield str(socket)
        finally:
            process.terminate()
            process.wait(20)


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    while not socket.exists():
        if process.poll() is not None:
            raise SystemExit("the embedding worker ended")
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
