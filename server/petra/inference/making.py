"""Models that are computed on this machine, in a process of their own: torch is never loaded here."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from petra import platform
from petra.inference.catalogue import ModelFile
from petra.inference.child import environment
from petra.inference.fetch import Cancelling, Report, SourceFailed, check_stop


def distil(
    teacher: Path, files: tuple[ModelFile, ...], into: Path, scratch: Path, report: Report, stop: Cancelling
) -> None:
    """Put a static embedder, `files`, below `into`, computed out of the sentence-transformers folder
    `teacher`. `report` gets the bytes so far. Raises SourceFailed, or Cancelled when `stop()` is true."""
    command = [sys.executable, "-P", "-m", "petra.inference.worker.distil", str(teacher), str(into)]
    total = sum(file.size for file in files)
    log = scratch / "distil.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(platform.whole_environment()),
        )
        try:
            while process.poll() is None:
                check_stop(stop)
                report(int(_share(log) * total))
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    missing = [file.path for file in files if not (into / file.path).is_file()]
    if process.returncode or missing:
        raise SourceFailed(f"distilling {teacher.name} failed: {_last_line(log)}")


def _share(log: Path) -> float:
    """How much is done, by the last whole line that says so."""
    try:
        return float(_last_line(log))
    except ValueError:
        return 0.0


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1][:200] if lines else "it said nothing"
