"""A server of its own, asked as the shell asks: over its socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.start import processes
from petra import rendezvous
from petra.cli.client import Client

ENDED = ("ready", "failed", "cancelled")
TIMEOUT_S = 1800.0


@dataclass(frozen=True)
class Served:
    """A server that is ready, and its process."""

    client: Client
    pid: int
    data_dir: Path

    def post_index(self, folder: Path) -> dict[str, Any]:
        """Ask for a folder to be indexed; the answer names collection and job."""
        answer: dict[str, Any] = self.client.post("/api/v1/index", {"path": str(folder)})
        return answer

    def wait(self, job_id: int, pause: float = 0.01) -> dict[str, Any]:
        """The job, once it has ended."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            job: dict[str, Any] = self.client.get(f"/api/v1/jobs/{job_id}")
            if job["state"] in ENDED:
                assert job["state"] == "ready", job
                return job
            time.sleep(pause)
        raise SystemExit(f"job {job_id} did not end")

    def wait_until_idle(self) -> list[dict[str, Any]]:
        """All jobs, once none is open: everything is embedded."""
        deadline = time.monotonic() + TIMEOUT_S
        quiet = 0
        while time.monotonic() < deadline:
            jobs: list[dict[str, Any]] = self.client.get("/api/v1/jobs", limit=500)
            quiet = 0 if any(job["state"] not in ENDED for job in jobs) else quiet + 1
            if quiet == 2:
                return jobs
            # Seldom: an answer takes the CPU from what is measured.
            time.sleep(0.5)
        raise SystemExit("the jobs did not end")

    def search(self, query: str, collection: str, k: int = 5) -> list[dict[str, Any]]:
        """The passages."""
        found: list[dict[str, Any]] = self.client.get("/api/v1/search", q=query, collection=collection, k=k)[
            "passages"
        ]
        return found


@contextmanager
def serve(data_dir: Path) -> Iterator[Served]:
    """`petra serve` with its workers, ready."""
    with processes.serve(data_dir) as started:
        running = rendezvous.read(data_dir)
        assert running
        yield Served(Client(running), started.process.pid, data_dir)
