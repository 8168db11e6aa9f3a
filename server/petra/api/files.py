"""The file behind a document: who may have its bytes, and whether it is still what was indexed."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from aiohttp import web

from petra.access import authorize
from petra.api.keys import BLOBS, DB, SETTINGS
from petra.api.routes import identity
from petra.errors import DocumentChanged, NotFound, PetraError
from petra.storage import collections
from petra.storage.collections import Collection
from petra.storage.documents import Document


async def path_of(request: web.Request, document: Document) -> Path:
    """The path of a document's bytes, for the one who sent `request`. They name a document, never a path.

    A file of a folder is opened for programs on this machine and, on a person's own machine, for its
    owner's browser too; a classroom server opens none for anybody who comes over the network. Raises
    NotFound, and DocumentChanged for a file that is not the one that was indexed.
    """
    if document.upload_id:
        return await request.app[BLOBS].local_path(document.upload_id)
    async with request.app[DB].read() as conn:
        collection = await collections.get(conn, document.collection_id)
    caller = identity(request)
    at_home = request.app[SETTINGS].mode == "local" and caller.role == "owner"
    if collection is None or collection.root is None or not (caller.local or at_home):
        raise NotFound(
            "The page shows only the text of files from a folder",
            cause="On this server, files of its own disk are not sent over the network",
            remedy=f"Open {document.path} yourself, or upload it",
        )
    authorize(caller, "read_collection", collection)
    return await asyncio.to_thread(_as_indexed, Path(collection.root), document, collection)


async def refusal(request: web.Request, document: Document) -> PetraError | None:
    """Why `path_of` would not give this document's bytes now; None when it would."""
    try:
        await path_of(request, document)
    except PetraError as error:
        return error
    return None


def _as_indexed(root: Path, document: Document, collection: Collection) -> Path:
    """The file as the walk found it. Indexing follows no link, so one in the way was put there since.
    Blocking."""
    again = f"Run `petra index` again on the folder of the collection “{collection.name}”"
    try:
        real_root = root.resolve(strict=True)
        place = real_root / document.path
        real, about = place.resolve(strict=True), place.lstat()
    except (OSError, RuntimeError, ValueError) as error:
        raise NotFound(
            f"{document.title} is not in its folder any more",
            cause="It was moved, renamed or removed since it was indexed",
            remedy=again,
        ) from error
    same = (about.st_size, about.st_mtime_ns) == (document.size, document.mtime_ns)
    inside = real == place and real.is_relative_to(real_root)
    if not (inside and same and stat.S_ISREG(about.st_mode)):
        raise DocumentChanged(
            f"{document.title} has changed since it was indexed",
            cause="The passages are those of the file as it was",
            remedy=again,
        )
    return real
