"""`petra search`: the passages that fit best, without a model writing anything."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from petra.cli.client import connect
from petra.cli.indexing import index
from petra.cli.options import file_or_folder, words
from petra.cli.show import line, place, shortened
from petra.knowledge.names import escaped

HELP = "find passages in your files"
PASSAGES = 8
"""What TOP_K is unless it is set. The settings take too long to load for a line of help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look for and where."""
    parser.add_argument("query", type=words)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--in", dest="path", metavar="PATH", type=file_or_folder, help="a file or folder; indexed first"
    )
    where.add_argument("--collection", metavar="NAME", help="a collection that is indexed already")
    parser.add_argument("-k", type=int, metavar="N", help=f"how many passages ({PASSAGES}, or TOP_K)")
    parser.add_argument("--explain", action="store_true", help="show why each passage is where it is")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Search and print."""
    client = connect(args)
    collection, path = args.collection, None
    if args.path:
        indexed = index(client, args.path)
        collection, path = indexed.collection, indexed.path
    found = client.get(
        "/api/v1/search",
        q=args.query,
        k=args.k,
        collection=collection,
        path=path,
        explain=1 if args.explain else None,
    )
    if args.json:
        line(json.dumps(found, ensure_ascii=False))
        return 0
    if not found["passages"]:
        has_words = any(char.isalnum() for char in args.query)
        line(
            "Nothing was found."
            if has_words
            else "Nothing was found: there is no word in what was asked for."
        )
    for number, item in enumerate(found["passages"], 1):
        line(f"{number}. {escaped(item['path'])}{place(item)}  ({item['score']:.2f})")
        line(f"   {shortened(item['text'], 160)}")
        if why := item.get("why"):
            line(f"   {explained(why)}")
    return 0


def explained(why: Mapping[str, float]) -> str:
    """What made a score, in the order in which it was counted: `meaning +1.82, words +0.40, base 0.91, name
    of the file +0.20, same file ×0.60`."""
    told = []
    for factor, value in why.items():
        if factor.endswith("×"):
            told.append(f"{factor}{value:.2f}")
        elif factor in ("share", "base"):
            told.append(f"{factor} {value:.2f}")
        else:
            told.append(f"{factor} {value:+.2f}")
    return ", ".join(told)
