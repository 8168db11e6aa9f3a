"""The ZIP archive around a document: reads the parts that its readers name, and refuses what only an
attack or an accident makes. Nothing is ever unpacked to a disk."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from petra.errors import UnreadableDocument
from petra.knowledge.extract.document import damaged, locked, refused

MiB = 1024 * 1024
MOST_MEMBERS = 20_000
BUDGET = 256 * MiB
"""Bytes that the parts of one document may unpack to, all of them together. The text of a large book or
workbook is a tenth of that; pictures and sound are never unpacked."""

_PIECE = 64 * 1024
_LOCAL_HEADER = 30
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """A document's parts by name. Every method raises UnreadableDocument for what cannot be trusted."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self.name = name
        self._left = BUDGET
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise damaged(name, "a whole archive") from error
        self._members = {info.filename: info for info in self._zip.infolist()}
        self._check()

    def __contains__(self, part: str) -> bool:
        return part in self._members

    @property
    def parts(self) -> list[str]:
        """The names of all parts."""
        return list(self._members)

    def read(self, part: str, limit: int = BUDGET) -> bytes:
        """The first `limit` bytes of a part, or a little more; empty when there is none of this name."""
        pieces: list[bytes] = []
        size = 0
        for piece in self.stream(part):
            pieces.append(piece)
            size += len(piece)
            if size >= limit:
                break
        return b"".join(pieces)

    def stream(self, part: str) -> Iterator[bytes]:
        """One part in pieces; nothing when there is none of this name."""
        info = self._members.get(part)
        if info is None:
            return
        try:
            with self._zip.open(info) as file:
                while piece := file.read(_PIECE):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise UnreadableDocument(
                            f"{self.name} is too large to read",
                            cause=f"It unpacks to more than {BUDGET // MiB} MiB",
                            remedy="Split it into smaller files",
                        )
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise damaged(self.name, "a whole archive") from error

    def _check(self) -> None:
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise refused(self.name, f"It has {len(infos):,} parts, more than {MOST_MEMBERS:,}")
        if len(self._members) < len(infos):
            raise refused(self.name, "Two of its parts have the same name")
        for info in infos:
            if _leads_out(info.orig_filename):
                raise refused(
                    self.name, f"A part of it has a name that leads elsewhere: {info.orig_filename!a:.80}"
                )
            if info.flag_bits & 1:
                raise locked(self.name)
            if info.compress_type not in _METHODS:
                raise refused(self.name, "It is packed in a way that no office program uses")
        end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                raise refused(self.name, "Its parts overlap, which unpacks one part many times")
            # The local header may have a longer extra field than the directory says; never a shorter name.
            end = info.header_offset + _LOCAL_HEADER + len(info.orig_filename) + info.compress_size
        if end > self._zip.start_dir:
            raise damaged(self.name, "a whole archive")


def _leads_out(part: str) -> bool:
    """Whether a member's name would be a path outside of the folder it is unpacked in."""
    return part.startswith("/") or "\\" in part or "\0" in part or part[1:2] == ":" or ".." in part.split("/")


def beside(part: str, target: str) -> str:
    """The name of the part that `part` calls `target`; what leads out of the archive names no part."""
    if target.startswith("/"):
        return posixpath.normpath(target.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), target))
