"""Which collection a path of this machine belongs to."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from petra.errors import BadRequest, NotFound, UnreadableDocument
from petra.knowledge.names import LONGEST, shown
from petra.knowledge.walk import enters, walk
from petra.storage import collections
from petra.storage.collections import Collection
from petra.storage.database import Connection


@dataclass(frozen=True)
class Place:
    """A folder, or the file `only` in it."""

    root: Path
    only: str | None


def place_of(path: Path) -> Place:
    """The folder that `path` is, or the folder and name of the file that it is. Raises NotFound, BadRequest
    and UnreadableDocument for what can be no collection, before there is one. Blocking."""
    try:
        real = path.resolve(strict=True)
        kind = real.stat().st_mode
    except (OSError, RuntimeError) as error:
        raise NotFound(
            f"{path} is not there", cause="No such file or folder", remedy="Check the path"
        ) from error
    try:
        str(real).encode()
    except UnicodeEncodeError as error:
        raise BadRequest(
            "The name of this folder cannot be stored",
            cause=f"{str(real)!a} is not UTF-8",
            remedy="Rename it, then index it again",
        ) from error
    if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
        raise BadRequest(
            f"{path} cannot be indexed",
            cause="It is neither a file nor a folder",
            remedy="Give a file or folder of this machine",
        )
    _look_into(real, path)
    return Place(real, None) if stat.S_ISDIR(kind) else Place(real.parent, real.name)


def _look_into(real: Path, path: Path) -> None:
    try:
        if real.is_dir():
            with os.scandir(real):
                return
        with real.open("rb"):
            return
    except OSError as error:
        raise UnreadableDocument(
            f"{path} cannot be read",
            cause=error.strerror or "The system refused",
            remedy="Check that you may read it, then try again",
        ) from error


def followed_above(place: Place, followed: Sequence[Collection]) -> tuple[Collection, Place] | None:
    """The nearest of the collections that has this place already, because it follows the folder or one above
    it as a whole, and the place as it is there: the folder itself, or a file in or below it. None where there
    is none, or where that folder's rules leave the place out. Blocking."""
    above = [item for item in followed if item.root and place.root.is_relative_to(item.root)]
    for item in sorted(above, key=lambda item: -len(str(item.root))):
        root = Path(str(item.root))
        below = place.root.relative_to(root)
        if place.only is None and (below == Path() or enters(root, below.as_posix())):
            return item, Place(root, None)
        if place.only is not None:
            path = (below / place.only).as_posix()
            if below == Path() or walk(root, path).files:
                return item, Place(root, path)
    return None


async def collection_of(conn: Connection, owner_id: str, root: Path, name: str | None) -> Collection:
    """The collection that mirrors `root`, made if there is none. Raises BadRequest when `name` is no name, or
    that of something else."""
    mine = await collections.list_for(conn, owner_id)
    if name is None:
        mirrors = next((item for item in mine if item.root == str(root)), None)
        return mirrors or await collections.create(conn, owner_id, _free_name(root, mine), str(root))
    known = next((item for item in mine if item.name == name), None)
    if known is None:
        if unicodedata.normalize("NFC", name) != shown(name):
            raise BadRequest(
                "A collection needs a name that can be read",
                cause=f"This one is empty, has characters that cannot be seen, or more than {LONGEST}",
                remedy="Choose another name",
            )
        return await collections.create(conn, owner_id, name, str(root))
    if known.root != str(root):
        raise BadRequest(
            f"There is a collection {name} already",
            cause=f"It mirrors {known.root}" if known.root else "It holds uploads",
            remedy="Choose another name",
        )
    return known


def _free_name(root: Path, mine: list[Collection]) -> str:
    taken = {item.name for item in mine}
    name = shown(root.name) if root.name else "files"
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)
