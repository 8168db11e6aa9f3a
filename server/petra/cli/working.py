"""Jobs in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ENDED = frozenset({"ready", "failed", "cancelled"})
NAMES = {
    "index": "Reading a folder",
    "ingest": "Reading a file",
    "embed": "Learning what passages mean",
    "pull": "Downloading",
    "reindex": "Building the index",
    "gc": "Tidying up",
}


def progress(job: dict[str, Any]) -> str:
    """How far a job is: `Downloading SmolLM2-135M-Instruct 40 %, about 12 s left`."""
    text = NAMES.get(job["kind"], "Working")
    if job["kind"] == "pull":
        text = f"{'Checking' if job['state'] == 'verifying' else text} {job['model']}"
    if job["state"] == "queued":
        return f"{text}: waiting"
    if job["total"] and job["unit"] == "bytes":
        # Bytes say nothing to anybody.
        text += f" {min(100 * job['done'] // job['total'], 100)} %"
    elif job["total"]:
        text += f": {job['done']} of {job['total']} {job['unit']}"
    if job.get("waits_for"):
        return f"{text}, waiting: {job['waits_for']}"
    return text + (f", about {job['eta_s']:.0f} s left" if job["eta_s"] else "")


def open_jobs(jobs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that have not ended, the oldest first."""
    return sorted((job for job in jobs if job["state"] not in ENDED), key=lambda job: int(job["id"]))


def newest_pull(jobs: Sequence[dict[str, Any]], model: str) -> dict[str, Any] | None:
    """The last job that fetched or fetches `model`."""
    pulls = [job for job in jobs if job["kind"] == "pull" and job["model"] == model]
    return max(pulls, key=lambda job: int(job["id"]), default=None)
