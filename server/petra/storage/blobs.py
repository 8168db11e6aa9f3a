"""Blobs: the bytes of uploads, under generated ids. A person's file name never becomes a path."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from petra.errors import NotFound, StorageError, TooLarge
from petra.platform import sync_folder

T = TypeVar("T")

PIECE = 1024 * 1024
"""Bytes written or read at once, in a thread."""


@dataclass(frozen=True)
class Stored:
    """What was stored: bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


class Blobs(Protocol):
    """A store of immutable files."""

    async def put(self, upload_id: str, filename: str, chunks: AsyncIterator[bytes], limit: int) -> Stored:
        """Store what `chunks` gives, durably: when this returns, it survives a power cut.

        Whatever goes wrong, also in `chunks`, leaves nothing behind. Raises TooLarge past `limit` bytes
        and StorageError when the disk is full. `filename` is for stores that give it back on download.
        """

    async def local_path(self, upload_id: str) -> Path:
        """A file on this machine with the blob's bytes. Raises NotFound."""

    async def delete(self, upload_id: str) -> None:
        """Remove a blob; one that is already gone is fine."""


class FileBlobs:
    """Blobs in a folder: `<root>/<id>/blob`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, upload_id: str, filename: str, chunks: AsyncIterator[bytes], limit: int) -> Stored:
        """See `Blobs.put`. The blob appears under its name only when all of it is on the disk."""
        incoming = _Incoming(self._folder(upload_id))
        waiting = bytearray()
        try:
            await self._disk(filename, incoming.begin)
            async for chunk in chunks:
                waiting += chunk
                if incoming.size + len(waiting) > limit:
                    raise TooLarge(
                        f"The file is larger than {limit} bytes",
                        remedy="Upload a smaller file, or raise UPLOAD_LIMIT",
                    )
                if len(waiting) >= PIECE:
                    await self._disk(filename, incoming.write, waiting)
                    waiting.clear()
            await self._disk(filename, incoming.write, waiting)
            await self._disk(filename, incoming.publish)
        except BaseException:
            await _whole(incoming.abandon)
            raise
        return Stored(incoming.size, incoming.digest.hexdigest())

    async def _disk(self, filename: str, call: Callable[..., None], *args: Any) -> None:
        """Run a step that writes. An error of the disk is not one of the client, which also has OSError."""
        try:
            await _whole(call, *args)
        except OSError as error:
            raise StorageError(
                f"{filename!r} could not be stored",
                cause=error.strerror or str(error),
                remedy=f"Make room on the disk of {self._root}, see that it can be written to, and "
                "upload the file again",
            ) from error

    async def local_path(self, upload_id: str) -> Path:
        """See `Blobs.local_path`."""
        path = self._folder(upload_id) / BLOB
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(
                "The file is not in the store",
                cause=f"{path} is missing",
                remedy="Restore it from a backup, or upload the file again",
            )
        return path

    async def delete(self, upload_id: str) -> None:
        """See `Blobs.delete`."""
        await _whole(_remove, self._folder(upload_id))

    async def sweep(self, known: Collection[str]) -> int:
        """Remove what a crash left between a blob and its row, and return how much that was.

        `known` are the ids that have rows. Only before the doors open: an upload that is arriving has
        no row yet.
        """
        return (await asyncio.to_thread(self._sweep, frozenset(known)))[0]

    async def sweep_idle(
        self, seconds: float, known: Callable[[], Awaitable[Collection[str]]]
    ) -> tuple[int, int]:
        """Remove the blobs without a row that nobody has written to for so long, and return how many and
        their bytes. While the doors are open, too: `known` is asked after looking, so that what got its
        row meanwhile has one."""
        idle = await asyncio.to_thread(self._idle, time.time() - seconds)
        rows = frozenset(await known()) if idle else frozenset()
        return await asyncio.to_thread(self._sweep, rows, [path for path in idle if path.name not in rows])

    def _idle(self, before: float) -> list[Path]:
        found = []
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            times = [path.stat().st_mtime for path in (folder, *_parts(folder)) if path.exists()]
            found += [folder] if _ID.fullmatch(folder.name) and max(times, default=before) < before else []
        return found

    def _sweep(self, known: frozenset[str], among: Iterable[Path] | None = None) -> tuple[int, int]:
        if not self._root.is_dir():
            return 0, 0
        left = [
            folder
            for folder in (self._root.iterdir() if among is None else among)
            if _ID.fullmatch(folder.name) and folder.name not in known
        ]
        size = sum(path.stat().st_size for folder in left for path in _parts(folder) if path.exists())
        for folder in left:
            _remove(folder)
        return len(left), size

    def _folder(self, upload_id: str) -> Path:
        if not _ID.fullmatch(upload_id):
            raise ValueError("an upload id is 32 hexadecimal digits")
        return self._root / upload_id


BLOB = "blob"
_PART = ".part"
_ID = re.compile(r"[0-9a-f]{32}")


class _Incoming:
    """A blob on its way to the disk. Every method blocks."""

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self.digest = hashlib.sha256()
        self._folder = folder
        self._made = False
        self._file: BinaryIO | None = None

    def begin(self) -> None:
        """Make the folder, which must be new: a blob is never overwritten."""
        self._folder.mkdir(mode=0o700, parents=True)
        self._made = True
        self._file = (self._folder / _PART).open("xb")

    def write(self, content: bytearray) -> None:
        """Append."""
        if self._file:
            self.size += len(content)
            self.digest.update(content)
            self._file.write(content)

    def publish(self) -> None:
        """Give the blob its name, once all of it is on the disk."""
        if self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            (self._folder / _PART).replace(self._folder / BLOB)
            sync_folder(self._folder)
            sync_folder(self._folder.parent)

    def abandon(self) -> None:
        """Leave nothing of what `begin` made."""
        if self._file:
            # Closing writes the buffer, which a full disk refuses a second time.
            with suppress(OSError):
                self._file.close()
        if self._made:
            _remove(self._folder)


async def _whole(call: Callable[..., T], *args: Any) -> T:
    """Run `call` in a thread and, when cancelled, wait for its end: clearing up comes after it."""
    running = asyncio.ensure_future(asyncio.to_thread(call, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _parts(folder: Path) -> tuple[Path, Path]:
    """The files of a blob, there or not."""
    return folder / BLOB, folder / _PART


def _remove(folder: Path) -> None:
    for path in _parts(folder):
        path.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()
        sync_folder(folder.parent)
