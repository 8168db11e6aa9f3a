"""Indexing a path through the server, and waiting until its words can be searched, or its meaning too."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from petra.cli.client import Client
from petra.cli.show import Progress
from petra.cli.waiting import finished
from petra.cli.working import open_jobs, progress
from petra.errors import NotFound, UnreadableDocument

POLL_SECONDS = 0.3


@dataclass(frozen=True)
class Indexed:
    """A path that can be searched: its collection, and the place in it unless it is all of it."""

    collection: str
    path: str | None
    job: dict[str, Any]

    def holds(self, path: str) -> bool:
        """Whether a document of the collection is at or below that place."""
        return self.path is None or path == self.path or path.startswith(f"{self.path}/")


def index(client: Client, path: Path, name: str | None = None) -> Indexed:
    """Index `path` and wait until its words can be searched, showing progress on stderr. Ctrl-C cancels the
    job. What the passages mean is learnt behind, by a job of its own.

    Raises NotFound for a path that is not there, UnreadableDocument for a single file that cannot be read,
    and PetraError with the reason when the job fails.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise NotFound(f"{path} does not exist", remedy="Give a file or folder of this machine")
    started = client.post("/api/v1/index", {"path": str(path), "collection": name})
    job = finished(client, started["job_id"], f"{path} could not be indexed")
    collection = started["collection"]
    below = _below_root(client, collection, path)
    if path.is_file():
        _check_readable(client, collection, below or path.name)
    return Indexed(collection, below, job)


def learning(client: Client, collection_id: str) -> dict[str, Any] | None:
    """The job that learns what the passages of a collection mean, if it has not ended."""
    jobs = open_jobs(client.get("/api/v1/jobs", limit=500))
    return next(
        (job for job in jobs if (job["kind"], job["collection_id"]) == ("embed", collection_id)), None
    )


def learnt(client: Client, collection_id: str) -> None:
    """Wait until all passages are searched by their meaning. Ctrl-C ends the waiting, not the work."""
    shown = Progress()
    try:
        while job := learning(client, collection_id):
            shown.show(progress(job))
            time.sleep(POLL_SECONDS)
    finally:
        shown.clear()


def _check_readable(client: Client, collection: str, path: str) -> None:
    """A folder may hold files that cannot be read; of one that was named, a person wants to know."""
    for item in client.get("/api/v1/documents", collection=collection):
        if item["path"] == path and item["state"] == "failed":
            raise UnreadableDocument(f"{path} could not be read", cause=item["reason"] or "")


def _below_root(client: Client, collection: str, path: Path) -> str | None:
    """`path` relative to the root of its collection, None when it is the root."""
    for item in client.get("/api/v1/collections"):
        if item["name"] == collection and item.get("root"):
            root = Path(item["root"])
            if path != root and path.is_relative_to(root):
                return path.relative_to(root).as_posix()
    return None
