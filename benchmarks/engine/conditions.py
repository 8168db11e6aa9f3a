"""On what and beside what the figures were taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil


def cores() -> int:
    """Physical cores that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(psutil.cpu_count(logical=False) or usable, usable))


def machine() -> str:
    """Processor, system and Python."""
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def describe(model: Path, threads: int) -> dict[str, object]:
    """Machine, model and versions."""
    return {
        "machine": machine(),
        "model": model.name,
        "threads": threads,
        "load_average": load(),
        "versions": {name: version(name) for name in ("llama_cpp_python", "xllamacpp")},
    }


def load() -> list[float]:
    """Load averages of 1, 5 and 15 minutes; empty where the system has none."""
    return [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else []


@dataclass
class Others:
    """The share of all CPU time that went to other programs than the server and its clients."""

    share: float = 0.0


@contextmanager
def others_share(server: int) -> Iterator[Others]:
    """Watch the machine while the block runs."""
    others = Others()
    processes = [psutil.Process(server), psutil.Process()]
    busy, total, own = _machine(*processes)
    yield others
    busy, total, own = (
        now - then for now, then in zip(_machine(*processes), (busy, total, own), strict=True)
    )
    others.share = max(0.0, busy - own) / total if total else 0.0


def _machine(*processes: psutil.Process) -> tuple[float, float, float]:
    """CPU seconds so far: busy, all, and of these processes."""
    times = psutil.cpu_times()
    total = sum(times[:8])
    idle = times.idle + getattr(times, "iowait", 0.0)
    own = sum(sum(process.cpu_times()[:2]) for process in processes)
    return total - idle, total, own
