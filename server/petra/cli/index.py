"""`petra index`: make a file or folder searchable."""

from __future__ import annotations

import argparse
from pathlib import Path

from petra.cli import skipped
from petra.cli.client import connect
from petra.cli.indexing import index
from petra.cli.show import line

HELP = "make a file or folder searchable"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to index and under which name."""
    parser.add_argument("path", type=Path)
    parser.add_argument("--collection", metavar="NAME", help="name of the collection (the folder's name)")


def run(args: argparse.Namespace) -> int:
    """Index, wait, and say what became of every file that is not searchable as a whole."""
    client = connect(args)
    indexed = index(client, args.path, args.collection)
    found = client.get("/api/v1/documents", collection=indexed.collection)
    ready = sum(item["state"] == "ready" for item in found)
    line(f"{indexed.collection}: {ready} of {len(found)} documents can be searched")
    for text in skipped.lines(indexed.job["skipped"]):
        line(text)
    if indexed.job["reason"]:
        line(indexed.job["reason"])
    for item in found:
        if item["reason"]:
            what = "left out" if item["state"] == "failed" else "read in part"
            line(f"  {what}: {item['path']}: {item['reason']}")
    return 0
