"""Indexing a path through the server, and waiting until it can be searched."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petra.cli.client import Client
from petra.cli.show import Progress
from petra.cli.working import ENDED
from petra.errors import Cancelled, NotFound, PetraError, UnreadableDocument


@dataclass(frozen=True)
class Indexed:
    """A path that can be searched: its collection, and the place in it unless it is all of it."""

    collection: str
    path: str | None
    job: dict[str, Any]


def index(client: Client, path: Path, name: str | None = None) -> Indexed:
    """Index `path` and wait until it is done, showing progress on stderr. Ctrl-C cancels the job.

    Raises NotFound for a path that is not there, UnreadableDocument for a single file that cannot be read,
    and PetraError with the reason when the job fails.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise NotFound(f"{path} does not exist", remedy="Give a file or folder of this machine")
    started = client.post("/api/v1/index", {"path": str(path), "collection": name})
    job = _wait(client, started["job_id"], path)
    if job["state"] == "failed":
        raise PetraError(f"{path} could not be indexed", cause=job["reason"] or "")
    if job["state"] == "cancelled":
        raise Cancelled(f"Indexing {path} was cancelled", remedy="What was finished stays searchable")
    collection = started["collection"]
    below = _below_root(client, collection, path)
    if path.is_file():
        _check_readable(client, collection, below or path.name)
    return Indexed(collection, below, job)


def _check_readable(client: Client, collection: str, path: str) -> None:
    """A folder may hold files that cannot be read; of one that was named, a person wants to know."""
    for item in client.get("/api/v1/documents", collection=collection):
        if item["path"] == path and item["state"] == "failed":
            raise UnreadableDocument(f"{path} could not be read", cause=item["reason"] or "")


def _wait(client: Client, job_id: int, path: Path) -> dict[str, Any]:
    progress = Progress()
    pause = 0.02
    try:
        while True:
            job: dict[str, Any] = client.get(f"/api/v1/jobs/{job_id}")
            if job["state"] in ENDED:
                return job
            progress.show(f"Indexing {path.name}: {describe(job)}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.3)
    except KeyboardInterrupt:
        client.post(f"/api/v1/jobs/{job_id}/cancel")
        raise
    finally:
        progress.clear()


def describe(job: dict[str, Any]) -> str:
    """How far a job is, in words."""
    text = str(job["state"])
    if job["total"]:
        text += f" {job['done']} of {job['total']} {job['unit']}"
    if job["eta_s"]:
        text += f", about {job['eta_s']:.0f} s left"
    return text


def _below_root(client: Client, collection: str, path: Path) -> str | None:
    """`path` relative to the root of its collection, None when it is the root."""
    for item in client.get("/api/v1/collections"):
        if item["name"] == collection and item.get("root"):
            root = Path(item["root"])
            if path != root and path.is_relative_to(root):
                return path.relative_to(root).as_posix()
    return None
