"""One folder's changes, as they come: from the system's notices or, where it gives none, by looking.

On Linux each folder that the walk enters is watched by itself, so that what is left out (`node_modules`,
`.git/objects`) costs neither a watch nor a notice. Elsewhere the system watches whole trees, and what is
left out is dropped here.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from watchfiles._rust_notify import RustNotify

from petra.knowledge.exclusions import Exclusions, exclusions, git_folder
from petra.knowledge.notices import Notice
from petra.knowledge.walk import EVERYTHING, Found, Walk, walk

T = TypeVar("T")

STEP_MS = 25
"""Milliseconds without another notice that end a batch: editors save in a few steps."""
LONGEST_MS = 500
RECURSIVE = not sys.platform.startswith("linux")
ENDLESS = 0


class Notices:
    """The system's notices about a folder, or about `only` some files that lie in it. `folders` are those
    that are watched, with their rules.

    `open` raises OSError when the system will not watch, FileNotFoundError when the folder is not there.
    """

    def __init__(self, root: Path, only: frozenset[str] | None = None) -> None:
        self._root = root
        self._only = only
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="watch")
        self._stop = threading.Event()
        self._notify: RustNotify | None = None
        self._kept: set[tuple[int, str]] = set()
        self.folders: dict[str, Exclusions] = {}
        self.git: Path | None = None

    async def open(self) -> Walk:
        """Watch what is there now, and hand out the walk that found it. Notices that came before are kept."""
        return await self.work(self._open)

    async def next(self, within_ms: int = ENDLESS) -> set[Notice]:
        """The next notices, together; none when nothing happens `within_ms`. Raises RuntimeError when the
        watch has ended, OSError for a name that cannot be told."""
        return await self.work(self._next, within_ms)

    def close(self) -> None:
        """End it, from any thread."""
        self._stop.set()
        if self._notify:
            self._threads.submit(self._notify.close)
        self._threads.shutdown(wait=False)

    async def work(self, call: Callable[..., T], *arguments: object) -> T:
        """Run what blocks in the thread that waits for notices: it is free between two of them."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)

    def _open(self) -> Walk:
        while True:
            found = walked(self._root, self._only)
            self.git = git_folder(self._root)
            notify = self._notified(found)
            again = walked(self._root, self._only)
            if again.folders.keys() == found.folders.keys():
                break
            notify.close()  # a folder that came in between is not watched
        if self._notify:
            told = self._notify.watch(1, 1, 1, None)
            self._kept |= told if isinstance(told, set) else set()
            self._notify.close()
        self._notify, self.folders = notify, again.folders
        return again

    def _notified(self, found: Walk) -> RustNotify:
        places = [self._root] if RECURSIVE else [self._root / folder for folder in found.folders]
        if self.git and not (RECURSIVE and self.git.is_relative_to(self._root)):
            places.append(self.git)
        try:
            return RustNotify([str(place) for place in places], False, False, 0, RECURSIVE, False)
        except RuntimeError as error:  # as when there are too many watches of other programs
            raise OSError(str(error)) from error

    def _next(self, within_ms: int) -> set[Notice]:
        if self._notify is None:
            raise RuntimeError("nothing is watched")
        kept, self._kept = self._kept, set()
        told = self._notify.watch(LONGEST_MS, STEP_MS, 1 if kept else within_ms, self._stop)
        if isinstance(told, set):
            kept |= told
        elif told != "timeout":
            raise RuntimeError("the watch was ended")
        root = self._root.as_posix()
        return {(kind, _below(path, root)) for kind, path in kept}


def _below(path: str, root: str) -> str:
    """A path as the walk writes it, empty for the root; one that is not below it stays as it is."""
    posix = path.replace("\\", "/") if sys.platform == "win32" else path
    return "" if posix == root else posix.removeprefix(f"{root.rstrip('/')}/")


def walked(root: Path, only: frozenset[str] | None) -> Walk:
    """The walk of a folder, or of `only` some files that lie in it. Raises OSError when it cannot be read."""
    if only is None:
        return walk(root)
    found = Walk([], [], [], {"": exclusions(root)})
    for some in (walk(root, name) for name in sorted(only)):
        found.files.extend(some.files)
        found.left_out.extend(some.left_out)
        found.unread.extend(some.unread)
    return found


def difference(before: Walk, now: Walk) -> set[str]:
    """Paths of files that came, went or changed between two walks; what could not be looked into is as it
    was."""
    old, new = _files(before), _files(now)
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    return {path for path in changed if path in new or not _unread(path, now)}


def _files(found: Walk) -> dict[str, Found]:
    return {file.path: file for file in found.files}


def _unread(path: str, found: Walk) -> bool:
    return any(folder == EVERYTHING or path.startswith(f"{folder}/") for folder in found.unread)
