"""A full disk: what writes says so, what reads goes on, and when there is room again all of it works, with
what was acknowledged before."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from petra.cli.client import Client
from tests.durability.stand_ins import folder
from tests.serving import Served, environment, listening

LIMITED = """
import resource, signal, sys
from petra.cli import main
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def limit(size):
    return lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
signal.signal(signal.SIGUSR1, limit(4096))
signal.signal(signal.SIGUSR2, limit(hard))
sys.exit(main(sys.argv[1:]))
"""
"""`petra` in a process that can be told to write no more than 4096 bytes into any file, and to forget it."""


@dataclass(frozen=True)
class Disk:
    """A data directory whose disk can be filled and emptied."""

    data: Path
    fill: Callable[[subprocess.Popen[bytes]], None]
    empty: Callable[[subprocess.Popen[bytes]], None]


@contextmanager
def limited() -> Iterator[Disk]:
    """A limit on the size of files stands in for the disk: for every account, on every system."""
    with folder() as place:
        yield Disk(
            place,
            lambda process: process.send_signal(signal.SIGUSR1),
            lambda process: process.send_signal(signal.SIGUSR2),
        )


@contextmanager
def mounted() -> Iterator[Disk]:
    """A small disk of its own, where this account may mount one."""
    with folder() as place:
        disk = place / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
        try:
            yield Disk(disk, lambda _: _fill(disk / "filler"), lambda _: (disk / "filler").unlink())
        finally:
            subprocess.run(["umount", "-l", disk], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def disks() -> list[Any]:
    """Both, or only the limit where nothing can be mounted."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        return [limited]
    with folder() as place:
        command = ["mount", "-t", "tmpfs", "tmpfs", place]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return [limited]
        subprocess.run(["umount", place], check=True)
    return [limited, mounted]


@pytest.fixture(params=disks(), ids=lambda disk: disk.__name__)
def disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with request.param() as made:
        yield made


@pytest.fixture(scope="module")
def model() -> Iterator[str]:
    """A stub model in a process of its own."""
    with folder() as place:
        address = f"unix:{place}/model"
        command = [sys.executable, "-m", "petra.inference.worker", "stub", "--listen", address]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while not (place / "model").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield address
        process.terminate()
        process.wait(10)


@pytest.fixture
def server(disk: Disk, model: str) -> Iterator[Served]:
    settings = {"MODEL_PATH": model, "EMBEDDING_MODEL": model, "RERANK_THRESHOLD": "-1"}
    log = disk.data / "server.log"
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-c", LIMITED, "serve", "--port", "0", "--data-dir", str(disk.data)],
            env=environment(**settings),
            stdout=output,
            stderr=output,
        )
        try:
            yield Served(disk.data, listening(disk.data, process, log), process, log)
        finally:
            disk.empty(process) if (disk.data / "filler").exists() else None
            process.terminate()
            process.wait(20)
            print(log.read_text()[-4000:])


def upload(server: Served, name: str, text: str) -> dict[str, Any]:
    """What the door says, or the error in words."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    request = urllib.request.Request(
        f"{server.origin}/upload",
        data=f"{head}{text}\r\n--x--\r\n".encode(),
        headers={
            "Authorization": f"Bearer {server.running.token}",
            "Content-Type": "multipart/form-data; boundary=x",
        },
    )
    return answered(request)


def answered(request: urllib.request.Request) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error))


def found(server: Served, words: str) -> set[str]:
    passages = server.request("GET", f"/api/v1/search?q={words}")["passages"]
    return {item["document"] for item in passages if words in item["text"]}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_full_disk_is_read_only_and_recovers_by_itself(server: Served, disk: Disk, tmp_path: Path) -> None:
    upload(server, "before.md", "A deadlock needs four conditions.")
    until(lambda: found(server, "deadlock") == {"before.md"})
    for n in range(40):
        (tmp_path / f"{n}.md").write_text(f"Paging number{n} divides memory into frames.\n" * 40)
    client = Client(server.running)
    begun = client.post("/api/v1/index", {"path": str(tmp_path), "collection": "folder"})

    disk.fill(server.process)
    refused = upload(server, "during.md", "A semaphore counts. " * 2000)["error"]
    assert refused["code"] == "storage" and "room" in refused["remedy"].lower(), refused
    asked = urllib.request.Request(
        f"{server.origin}/api/v1/ask",
        data=b'{"question": "What does a deadlock need?"}',
        headers={"Authorization": f"Bearer {server.running.token}", "Content-Type": "application/json"},
    )
    said = answered(asked)
    assert said["error"]["code"] == "storage" and said["error"]["remedy"], said
    assert found(server, "deadlock") == {"before.md"}

    disk.empty(server.process)
    until(lambda: "error" not in upload(server, "after.md", "A mutex has one owner."))
    until(lambda: found(server, "mutex") == {"after.md"})
    until(lambda: client.get(f"/api/v1/jobs/{begun['job_id']}")["state"] == "ready")
    for n in (0, 39):
        assert found(server, f"number{n}") == {f"{n}.md"}
    assert found(server, "semaphore") == set()
    assert server.process.poll() is None
