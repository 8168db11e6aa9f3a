"""Files of a folder as drafts of documents: looked at, compared with what is known, extracted."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from petra.errors import PetraError
from petra.knowledge import reasons
from petra.knowledge.extract import sniff
from petra.knowledge.extract.document import LeftOut
from petra.knowledge.extract.extractor import Extracted, Extractor
from petra.knowledge.names import shown
from petra.knowledge.publish import Draft
from petra.knowledge.walk import Found
from petra.storage.documents import Known

UNREAD = "could not be opened"
INODE = (1 << 63) - 1
"""What a database keeps of an inode: some systems have numbers of 64 bits without a sign."""
TICK_NS = 20_000_000
"""Two changes so close together may leave the same time on a file, on most file systems."""


@dataclass
class Reading:
    """What became of some files: drafts, those whose bytes are the old ones (with their new times), and
    (path, reason) of those that are no documents."""

    drafts: list[Draft] = field(default_factory=list)
    same: list[Known] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class _Look:
    """A file as it was opened, at `at` nanoseconds of the monotonic clock."""

    file: Found
    digest: str
    media_type: str
    inode: int | None
    at: int


class FolderReader:
    """Reads files, with an extractor."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor

    def differs(self, known: Known | None, file: Found) -> bool:
        """Whether a file has to be opened, going by its size, time and inode."""
        if known is None or known.inode is None or known.state not in ("ready", "failed"):
            return True
        current = (known.size, known.mtime_ns, known.inode, known.chunker)
        return current != (file.size, file.mtime_ns, file.inode & INODE, self._extractor.chunker)

    async def read(
        self, root: Path, files: Sequence[Found], known: Mapping[str, Known], *, idle: bool
    ) -> Reading:
        """Open files below `root`, and extract those whose bytes are new; `idle` when nobody waits."""
        found = Reading()
        wanted: list[_Look] = []
        for file, look in zip(files, await asyncio.to_thread(_look_at, root, files), strict=True):
            before = known.get(file.path)
            if isinstance(look, OSError):
                # Gone since the walk: the next one will tell.
                if not isinstance(look, FileNotFoundError):
                    found.left_out.append((file.path, UNREAD))
            elif before and self._is_read(before, look.digest):
                found.same.append(replace(before, mtime_ns=look.file.mtime_ns, inode=look.inode))
            else:
                wanted.append(look)
        names = [(root / look.file.path, _name(look.file)) for look in wanted]
        contents = await self._extractor.extract_many(names, idle=idle)
        failed = [path for (path, _), content in zip(names, contents, strict=True) if not _is_text(content)]
        gone = await asyncio.to_thread(_gone, failed)
        for look, content in zip(wanted, contents, strict=True):
            if root / look.file.path in gone:
                # Taken away while it was read, perhaps with the whole disk: what is known of it stays.
                continue
            if isinstance(content, sniff.NotText | LeftOut) and look.file.path not in known:
                found.left_out.append((look.file.path, _short(content)))
            else:
                found.drafts.append(self._draft(look, content))
        return found

    def _is_read(self, known: Known, digest: str) -> bool:
        return (known.state, known.digest, known.chunker) == ("ready", digest, self._extractor.chunker)

    def _draft(self, look: _Look, content: Extracted | PetraError) -> Draft:
        name = _name(look.file)
        return Draft(
            document_id=None,
            path=look.file.path,
            title=shown(name),
            media_type=content.media_type if isinstance(content, Extracted) else look.media_type,
            size=look.file.size,
            digest=look.digest,
            mtime_ns=look.file.mtime_ns,
            inode=look.inode,
            content=content if isinstance(content, Extracted) else _reason(content, name),
            chunker=self._extractor.chunker,
            looked=look.at,
        )


def _name(file: Found) -> str:
    return PurePosixPath(file.path).name


def _short(error: sniff.NotText | LeftOut) -> str:
    if isinstance(error, LeftOut):
        return reasons.reason_in(error.cause)
    return "empty" if isinstance(error, sniff.EmptyText) else "not text"


def _reason(error: PetraError, name: str) -> str:
    return f"{name} is empty or not text any more." if isinstance(error, sniff.NotText) else str(error)


def _is_text(content: Extracted | PetraError) -> bool:
    return isinstance(content, Extracted)


def _gone(paths: Sequence[Path]) -> set[Path]:
    """Those that are not there any more. Blocking."""
    return {path for path in paths if not os.path.lexists(path)}


def _look_at(root: Path, files: Sequence[Found]) -> list[_Look | OSError]:
    """What each file is now. Blocking."""
    found: list[_Look | OSError] = []
    for file in files:
        try:
            found.append(_look(root, file))
        except OSError as error:
            found.append(error)
    return found


def _look(root: Path, file: Found) -> _Look:
    """What size, time and inode say is taken before the bytes: a change in between shows the next time."""
    at = time.monotonic_ns()
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(root / file.path, flags | getattr(os, "O_BINARY", 0)), "rb") as opened:
        about = os.fstat(opened.fileno())
        head = opened.read(1024)
        opened.seek(0)
        digest = hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=32)).hexdigest()
    now = Found(file.path, about.st_size, about.st_mtime_ns, file.inode)
    # Of a file that has changed just now the next change may not show: it is looked into again.
    settled = abs(time.time_ns() - about.st_mtime_ns) > TICK_NS
    inode = file.inode & INODE if settled else None
    return _Look(now, digest, sniff.media_type(head, _name(file)), inode, at)
