"""`petra status`: whether a server runs, and what it has."""

from __future__ import annotations

import argparse
import json
from typing import Any

from petra import __version__, rendezvous
from petra.cli.client import Client
from petra.cli.options import data_dir
from petra.cli.show import line

HELP = "say whether the server runs, and what it has"

NOT_RUNNING = 3
"""The exit code, as service managers have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the form."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print it; starts nothing."""
    running = rendezvous.read(data_dir(args))
    if running is None:
        line(json.dumps({"running": False}) if args.json else "Petra is not running. Start it: petra serve")
        return NOT_RUNNING
    found: dict[str, Any] = {
        "running": True,
        "pid": running.pid,
        "port": running.port,
        "version": running.version,
    }
    if running.version == __version__:
        found |= Client(running).get("/api/v1/status")
    if args.json:
        line(json.dumps(found, ensure_ascii=False))
        return 0
    line(f"Petra {running.version} is running (process {running.pid}, port {running.port})")
    if running.version != __version__:
        line(f"This command is {__version__}: run `petra stop` and start it again")
        return 0
    for name, worker in found["workers"].items():
        notes = [worker[key] for key in ("degraded", "remedy") if key in worker]
        line(f"  {name}: {worker['state']} ({worker['model']})" + "".join(f"; {note}" for note in notes))
    for item in found["collections"]:
        line(f"  collection {item['name']}: {item['documents']} documents")
    if found["jobs"]:
        line(f"  {found['jobs']} jobs are running")
    return 0
