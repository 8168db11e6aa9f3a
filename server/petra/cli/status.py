"""`petra status`: whether a server runs, and what it has."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from petra import __version__, rendezvous
from petra.cli.client import Client
from petra.cli.options import data_dir
from petra.cli.show import line, size
from petra.cli.working import ENDED, newest_pull, open_jobs, progress

HELP = "say whether the server runs, and what it has"

STATES = {"previous": "kept for `petra reindex --rollback`", "building": "not finished"}
NOT_RUNNING = 3
"""The exit code, as service managers have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the form."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print it; starts nothing."""
    running = rendezvous.read(data_dir(args))
    if running is None:
        return _not_running(data_dir(args), as_json=args.json)
    found: dict[str, Any] = {
        "running": True,
        "pid": running.pid,
        "port": running.port,
        "version": running.version,
    }
    if running.version == __version__:
        client = Client(running)
        recent = client.get("/api/v1/jobs")
        found |= client.get("/api/v1/status") | {"open_jobs": open_jobs(recent)}
        found["index"] = client.get("/api/v1/index")
    if args.json:
        line(json.dumps(found, ensure_ascii=False))
        return 0
    line(f"Petra {running.version} is running (process {running.pid}, port {running.port})")
    if running.version != __version__:
        line(f"This command is {__version__}: run `petra stop` and start it again")
        return 0
    names = {item["id"]: item["name"] for item in found["index"]["collections"]}
    for job in found["open_jobs"]:
        of = names.get(job["collection_id"])
        line(f"  {of}: {progress(job)}" if of else f"  {progress(job)}")
    for name, worker in found["workers"].items():
        line(f"  {name}: {describe(worker, newest_pull(recent, worker['model']))}")
    for item in found["index"]["collections"]:
        line(f"  collection {item['name']}: {contents(item)}")
    for version in found["index"]["versions"]:
        if version["state"] != "active":
            line(f"  version {version['id']} of the index ({version['model']}): {STATES[version['state']]}")
    return 0


def _not_running(folder: Path, *, as_json: bool) -> int:
    """No server says where it listens. One that is about to, or has just ceased to, holds the lock."""
    pid = rendezvous.holder(folder)
    if as_json:
        line(json.dumps({"running": False} | ({"pid": pid} if pid else {})))
    elif pid:
        line(f"Petra is starting or stopping (process {pid}). Ask again in a moment")
    else:
        line("Petra is not running. Start it: petra serve")
    return NOT_RUNNING


def contents(item: dict[str, Any]) -> str:
    """What a collection holds: `12 documents (1 failed), 340 passages, 80 % of them embedded, 1.2 MB`."""
    counts = dict(item["documents"])
    total = sum(counts.values())
    others = [f"{count} {state}" for state, count in sorted(counts.items()) if state != "ready"]
    parts = [f"{total} document{'s' * (total != 1)}" + (f" ({', '.join(others)})" if others else "")]
    if item["chunks"]:
        parts.append(f"{item['chunks']:,} passage{'s' * (item['chunks'] != 1)}")
    if item["embedded"] < item["chunks"]:
        parts.append(f"{100 * item['embedded'] // item['chunks']} % of them embedded")
    if item["bytes"]:
        parts.append(size(item["bytes"]))
    if watching := item.get("watching"):
        parts.append(watching["state"] + (f" ({watching['reason']})" if watching["reason"] else ""))
    return ", ".join(parts)


def describe(worker: dict[str, Any], pull: dict[str, Any] | None) -> str:
    """A worker's state; `pull` is the last job that fetched its model."""
    notes = [worker[key] for key in ("degraded", "remedy") if key in worker]
    state = str(worker["state"])
    if state == "missing_model" and pull:
        if pull["state"] not in ENDED:
            return f"waiting for its model ({worker['model']})"
        if pull["state"] == "failed":
            notes = [pull["reason"]]  # it has the remedy, too
    return f"{state} ({worker['model']})" + "".join(f"; {note}" for note in notes)
