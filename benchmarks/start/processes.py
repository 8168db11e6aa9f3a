"""Petra's processes as a benchmark sees them: started, timed, weighed, ended."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from petra import rendezvous

PETRA = [sys.executable, "-m", "petra"]
ELSEWHERE = "http://127.0.0.1:9/v1"
"""Address of a model that is not there: with it the server has no workers of its own."""

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Started:
    """A server that has just started: seconds until it listened, and until a question could be answered."""

    process: subprocess.Popen[bytes]
    listening: float
    ready: float | None


def environment(data_dir: Path, *, workers: bool, **settings: str) -> dict[str, str]:
    """The environment of a Petra of its own, beside whichever one the person uses."""
    own = {"DATA_DIR": str(data_dir), "PORT": "0", "PYTHONDONTWRITEBYTECODE": ""}
    without = {"MODEL_PATH": ELSEWHERE, "EMBEDDING_MODEL": ELSEWHERE}
    return os.environ | own | ({} if workers else without) | settings


@contextmanager
def serve(data_dir: Path, *, workers: bool = True, **settings: str) -> Iterator[Started]:
    """`petra serve` until the block ends. With workers, waits until they are ready too."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [*PETRA, "serve"],
        env=environment(data_dir, workers=workers, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running = wait_for_run_file(data_dir, process)
        _wait_for_200(running, "/health")
        listening = time.perf_counter() - start
        ready = None
        if workers:
            _wait_for_200(running, "/ready")
            ready = time.perf_counter() - start
        yield Started(process, listening, ready)
    finally:
        process.terminate()
        process.wait(20)


def wait_for_run_file(
    data_dir: Path, process: subprocess.Popen[bytes] | None = None, timeout: float = TIMEOUT_S
) -> rendezvous.Running:
    """The server of this data directory once it says where it listens, whoever started it."""
    deadline = time.perf_counter() + timeout
    while time.perf_counter() < deadline and (process is None or process.poll() is None):
        if running := rendezvous.read(data_dir):
            return running
        time.sleep(0.005)
    raise SystemExit("petra serve did not start; run it by hand to see why")


def _wait_for_200(running: rendezvous.Running, path: str) -> None:
    deadline = time.perf_counter() + TIMEOUT_S
    answer = ""
    while time.perf_counter() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {running.token}"})
            response = connection.getresponse()
            answer = response.read().decode()
            if response.status == 200:
                return
        except OSError as error:
            answer = str(error)
        finally:
            connection.close()
        time.sleep(0.01)
    raise SystemExit(f"{path} was never 200; at last it said {answer}")


@contextmanager
def forwarder(data_dir: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """`petra lsp`, and the seconds from starting it to its reply to `initialize`."""
    message = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {"processId": os.getpid(), "rootUri": None, "capabilities": {}},
        }
    ).encode()
    start = time.perf_counter()
    process = subprocess.Popen(
        [*PETRA, "lsp"],
        env=environment(data_dir, workers=False),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin and process.stdout
    try:
        process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(message), message))
        process.stdin.flush()
        length = 0
        while (line := process.stdout.readline().strip()) or not length:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif not line:
                raise SystemExit("petra lsp ended before it answered; run `petra lsp` by hand to see why")
        reply = json.loads(process.stdout.read(length))
        elapsed = time.perf_counter() - start
        assert "capabilities" in reply["result"], reply
        yield process, elapsed
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(10)
        process.stdout.close()


def memory(pid: int) -> dict[str, float]:
    """MiB of a process and its children, by role. Shared pages are divided among those who share them (PSS)
    where the system can tell, which is Linux; elsewhere it is the resident size."""
    parent = psutil.Process(pid)
    weights = {"process": _weight(parent)}
    for child in parent.children(recursive=True):
        command = child.cmdline()
        role = command[command.index("--listen") - 1] if "--listen" in command else "other"
        weights[role] = weights.get(role, 0.0) + _weight(child)
    return weights


def _weight(process: psutil.Process) -> float:
    info = process.memory_full_info()
    return float(getattr(info, "pss", info.rss)) / (1 << 20)
