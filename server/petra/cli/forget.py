"""`petra forget`: remove a collection from Petra. The files of a folder stay where they are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from shlex import quote
from typing import Any

from petra.cli.client import connect
from petra.cli.show import clean, line
from petra.errors import BadRequest, NotFound

HELP = "remove a collection from Petra; your files stay"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which one, and whether to ask."""
    parser.add_argument(
        "collection", metavar="NAME-OR-PATH", help="its name (`petra status`), or the folder it was made from"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Say what goes and what stays, ask, and remove it."""
    client = connect(args)
    chosen = meant(args.collection, client.get("/api/v1/collections"), Path.cwd())
    indexed = client.get("/api/v1/index")["collections"]
    count = sum(next((item["documents"] for item in indexed if item["id"] == chosen["id"]), {}).values())
    documents = f"{count:,} document{'s' * (count != 1)}"
    if not args.yes and not _confirmed(_what_goes(chosen, documents), chosen["name"]):
        line("Nothing was removed")
        return 1
    client.delete(f"/api/v1/collections/{chosen['id']}")
    line(f"{chosen['name']} is removed: {documents}" + _what_stays(chosen))
    return 0


def meant(given: str, mine: list[dict[str, Any]], here: Path) -> dict[str, Any]:
    """The collection of this name, or of this folder. Raises NotFound, and BadRequest when the one is not
    the other."""
    place = str((here / Path(given).expanduser()).resolve()) if given else ""
    named = next((item for item in mine if item["name"] == given), None)
    at = next((item for item in mine if place and item["root"] == place), None)
    if named and at and named is not at:
        raise BadRequest(
            f"{given} is the name of one collection and the folder of another",
            cause=f"{named['name']} is {named['root'] or 'uploads'}, {at['name']} is {at['root']}",
            remedy=f"Give the name {at['name']!r}, or the folder as a whole path",
        )
    if found := named or at:
        return found
    above = next((item for item in mine if place and _is_below(place, item["root"])), None)
    if above:
        raise NotFound(
            f"There is no collection of {place} alone",
            cause=f"It is a part of the collection {above['name']}",
            remedy="To leave it out, write its name into a file .petraignore beside it; to remove all of "
            f"{above['name']}: petra forget {quote(above['name'])}",
        )
    names = ", ".join(item["name"] for item in mine)
    raise NotFound(
        f"There is no collection {given!r}",
        cause=f"There are: {names}" if names else "There are none yet",
        remedy="Give one of these names, or the folder it was made from" if names else "",
    )


def _is_below(place: str, root: str | None) -> bool:
    return root is not None and Path(place).is_relative_to(root)


def _what_goes(chosen: dict[str, Any], documents: str) -> str:
    if chosen["root"]:
        return (
            f"{documents} of {chosen['root']}: what Petra has made of them is removed,\n"
            "and the folder is not followed any more. The files themselves stay."
        )
    return f"{documents}, which were uploaded: they are removed with all that Petra has made of them."


def _what_stays(chosen: dict[str, Any]) -> str:
    return f". Nothing in {chosen['root']} was touched" if chosen["root"] else ""


def _confirmed(what: str, name: str) -> bool:
    """Ask the person; without one there is nobody to ask."""
    if not sys.stdin.isatty():
        raise BadRequest(
            "Nothing was removed",
            cause="There is no terminal to ask at",
            remedy=f"To remove it without being asked: petra forget {quote(name)} --yes",
        )
    line(what)
    print(clean(f"Remove the collection {name}? [y/N] "), end="", flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in ("y", "yes")
