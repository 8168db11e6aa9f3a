from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import pytest

from petra import rendezvous
from tests.serving import environment, petra


class Started(subprocess.Popen[str]):
    """A command that runs. Where a test fails beside it, it is killed: waiting for it would never end."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.kill()
        super().__exit__(kind, error, trace)


@dataclass(frozen=True)
class Shell:
    """A person's shell: runs `petra`, with a data directory and a stub model."""

    folder: Path
    environ: dict[str, str]
    started: list[Started] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            petra(*arguments), env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=90
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def start(self, *arguments: str) -> Started:
        process = Started(
            petra(*arguments),
            env=self.environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


@pytest.fixture(scope="package")
def model() -> Iterator[str]:
    """The address of the stub model, slow enough for a Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="petra-") as folder:
        address = f"unix:{folder}/model"
        command = [sys.executable, "-m", "petra.inference.worker", "stub", "--token-delay", "0.02"]
        process = subprocess.Popen([*command, "--listen", address], stderr=subprocess.DEVNULL)
        while not Path(folder, "model").exists():
            assert process.poll() is None
            time.sleep(0.02)
        yield address
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def shell(model: str) -> Iterator[Shell]:
    with tempfile.TemporaryDirectory(prefix="petra-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        course = folder / "course"
        course.mkdir()
        (course / "deadlock.md").write_text("A deadlock needs four conditions to hold at once. " * 2 + "\n")
        (course / "paging.md").write_text("A page table maps virtual pages to frames.\n")
        (course / "broken.pdf").write_bytes(b"%PDF-1.7\n no more than a beginning")
        (course / ".env").write_text("TOKEN=1\n")
        (course / "empty.md").touch()
        (course / ".git").mkdir()
        settings = {
            "DATA_DIR": str(folder / "data"),
            "MODEL_PATH": model,
            "EMBEDDING_MODEL": model,
            "RERANK_THRESHOLD": "-1",
            "PORT": "0",
            "IDLE_EXIT": "60",
        }
        shell = Shell(folder, {**environment(**settings), "PATH": os.environ["PATH"]})
        yield shell
        for process in shell.started:
            process.kill()
        rendezvous.stop(folder / "data")
