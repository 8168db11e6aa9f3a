"""`petra reindex`: build the search index anew beside the one that answers, compare them, swap."""

from __future__ import annotations

import argparse
from typing import Any

from petra.cli.client import connect
from petra.cli.options import name
from petra.cli.show import line
from petra.cli.waiting import finished

HELP = "build the search index anew, or for another embedder"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to build."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", metavar="NAME", type=name, help="for this embedder (`petra models list`)")
    what.add_argument("--incremental", action="store_true", help="only what is missing in the index there is")
    what.add_argument("--rollback", action="store_true", help="back to the version before the last swap")


def run(args: argparse.Namespace) -> int:
    """Start the job, wait for it, say what came of it. Ctrl-C cancels; the old version goes on answering."""
    client = connect(args)
    asked = {"model": args.model, "incremental": args.incremental, "rollback": args.rollback}
    job = finished(client, client.post("/api/v1/reindex", asked)["job_id"], "The index was not changed")
    versions = client.get("/api/v1/index")["versions"]
    active = next(version for version in versions if version["state"] == "active")
    line(f"Version {active['id']} of the index answers now, with {active['model']}")
    for text in _compared(job["found"].get("comparison")):
        line(text)
    return 0


def _compared(found: dict[str, Any] | None) -> list[str]:
    if not found or not found["queries"]:
        return []
    return [
        f"Of {found['queries']} passages, asked for by their own words, it finds {found['found_new']}; "
        f"the version before: {found['found_old']}. {found['shared']:.0%} of what they find is the same.",
        "Not better? petra reindex --rollback",
    ]
