"""`petra gc`: remove what nobody needs any more, and say how much that was."""

from __future__ import annotations

import argparse

from petra.cli.client import connect
from petra.cli.show import line, size
from petra.cli.waiting import finished

HELP = "remove what is no longer needed: traces of deleted files, old indexes and vectors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How far to go."""
    parser.add_argument(
        "--previous", action="store_true", help="the version that `petra reindex --rollback` needs, too"
    )


def run(args: argparse.Namespace) -> int:
    """Start the job, wait for it, say what it freed."""
    client = connect(args)
    started = client.post("/api/v1/gc", {"previous": args.previous})
    freed = finished(client, started["job_id"], "Not all was removed")["found"]["freed"]
    for count, one, several, name in (
        (freed["marks"], "trace", "traces", "of deleted files and passages"),
        (freed["vectors"], "vector", "vectors", "of models that are not in use"),
        (freed["indexes"], "index", "indexes", "that nothing uses"),
        (freed["blobs"], "upload", "uploads", "without a document"),
    ):
        if count:
            line(f"Removed {count:,} {one if count == 1 else several} {name}")
    line(f"{size(freed['bytes'])} are free again" if freed["bytes"] else "There was nothing large to remove")
    return 0
