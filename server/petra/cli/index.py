"""`petra index`: make a file or folder searchable."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from petra.cli import skipped
from petra.cli.client import Client, connect
from petra.cli.indexing import Indexed, index, learning, learnt
from petra.cli.options import file_or_folder
from petra.cli.show import line
from petra.cli.working import progress
from petra.errors import NotFound
from petra.knowledge.names import escaped

HELP = "make a file or folder searchable"
_DONE = {
    "changed": "can be searched as it is now",
    "removed": "removed",
    "left out": "left out",
    "all": "everything looked at again",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to index and under which name."""
    parser.add_argument("path", type=file_or_folder, help="a file or folder of this machine")
    parser.add_argument("--collection", metavar="NAME", help="name of the collection (the folder's name)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--dry-run", action="store_true", help="only tell what would be indexed, what is left out, and why"
    )
    how.add_argument("--watch", action="store_true", help="then tell what changes, until Ctrl-C")
    parser.add_argument(
        "--wait", action="store_true", help="end when the passages can be searched by their meaning, too"
    )


def run(args: argparse.Namespace) -> int:
    """Index, wait until words can be searched, and say what became of every file that is not as a whole."""
    if args.dry_run:
        return _tell(args.path.expanduser().resolve())
    client = connect(args)
    indexed = index(client, args.path, args.collection)
    found = [
        item
        for item in client.get("/api/v1/documents", collection=indexed.collection)
        if indexed.holds(item["path"])
    ]
    ready = sum(item["state"] == "ready" for item in found)
    what = indexed.collection + (f", {escaped(indexed.path)}" if indexed.path else "")
    line(f"{what}: {ready} of {len(found)} document{'s' * (len(found) != 1)} can be searched")
    if indexed.path and not args.path.is_file():
        line(
            f"It is a part of {indexed.collection}, which is followed; --collection NAME makes one of its own"
        )
    if not found:
        line("Nothing in it is text, code, a PDF, an Office file or the like (docs/formats.md)")
    # Of a part, nobody has counted by itself.
    for text in skipped.lines(indexed.job["skipped"]) if indexed.path is None else ():
        line(text)
    if indexed.job["reason"]:
        line(indexed.job["reason"])
    for item in found:
        if item["reason"]:
            what = "left out" if item["state"] == "failed" else "read in part"
            line(f"  {what}: {item['path']}: {item['reason']}")
    _tell_meaning(client, indexed.job["collection_id"], wait=args.wait)
    return _follow(client, indexed) if args.watch else 0


def _tell_meaning(client: Client, collection_id: str, *, wait: bool) -> None:
    """Say that the embedder is not through yet, or wait until it is."""
    if wait:
        learnt(client, collection_id)
    elif job := learning(client, collection_id):
        line(f"They are found by their words now, by their meaning soon ({progress(job)}; petra status)")


def _tell(path: Path) -> int:
    """What indexing `path` would do, without a server, a model or an index."""
    from petra.knowledge.preview import preview
    from petra.knowledge.skipped import summary

    try:
        path.stat()
        found = preview(path)
    except OSError as error:
        raise NotFound(
            f"{path} cannot be read",
            cause=error.strerror or "",
            remedy="Give a file or folder of this machine",
        ) from error
    size = sum(file.size for file in found.taken)
    noun = "file" if len(found.taken) == 1 else "files"
    line(f"{len(found.taken):,} {noun} would be indexed, {size / 1e6:,.1f} MB")
    for text in skipped.lines(summary(found.left_out)):
        line(text)
    for file in found.taken:
        line(f"  + {escaped(file.path)}")
    for name, reason in found.left_out:
        line(f"  - {escaped(name)}: {reason}")
    return 0


def _follow(client: Client, indexed: Indexed) -> int:
    """One line for each change, until Ctrl-C."""
    collection_id = indexed.job["collection_id"]
    what = indexed.collection + (f", {escaped(indexed.path)}" if indexed.path else "")
    try:
        told, after = client.get(f"/api/v1/collections/{collection_id}/changes"), 0
        line(f"Following {what}" + (f" by looking at it: {told['reason']}" if told["reason"] else ""))
        while True:
            after = max((change["number"] for change in told["changes"]), default=after)
            told = client.get(f"/api/v1/collections/{collection_id}/changes", after=after)
            for change in told["changes"]:
                if change["path"] == "." or indexed.holds(change["path"]):
                    line(_told(change))
    except KeyboardInterrupt:
        return 0


def _told(change: dict[str, Any]) -> str:
    what = _DONE[change["what"]] + (f": {change['reason']}" if change["reason"] else "")
    return f"{time.strftime('%H:%M:%S')} {change['path']}: {what} ({change['ms']} ms)"
