"""Keeping the documents of one folder as the folder is, for as long as the server runs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from petra import platform
from petra.errors import PetraError
from petra.knowledge.changes import Published
from petra.knowledge.notices import FEW, Meaning, Notice, meaning, of_git
from petra.knowledge.watcher import Notices, difference, walked
from petra.telemetry import logger

log = logger("petra.knowledge.watch")

QUIET_MS = 300
"""Without a notice for so long, a checkout or whatever wrote many files at once has ended."""
LONGEST_STORM = 60.0
POLL_SECONDS = 3.0
POLL_SHARE = 20
"""Looking takes at most one part in so many of the time."""
RETRY_SECONDS = 3.0
REMEMBERED = 1000

State = Literal["starting", "watched", "looked at", "not there"]
What = Literal["changed", "removed", "left out", "all"]
Publish = Callable[[Collection[str]], Awaitable[Published]]
"""Brings the documents at some paths to what is there now; with `.` among them, all."""


@dataclass(frozen=True)
class Change:
    """What was brought up to date: a path, or all for `.`. `ms` is the time since the file system told,
    `reason` why a file is left out."""

    number: int
    path: str
    what: What
    ms: int
    reason: str = ""


class Mirror:
    """One folder or, with their names, `only` some files that lie in it. `run` never returns; it is
    cancelled."""

    def __init__(self, root: Path, publish: Publish, only: frozenset[str] | None = None) -> None:
        self.only = only
        self._root = root
        self._publish = publish
        self._head: bytes | None = None
        self._said = ""
        self.state: State = "starting"
        self.reason = ""
        """Why the folder is not watched, for the person."""
        self.recent: deque[Change] = deque(maxlen=REMEMBERED)
        self.number = 0
        self.changed = asyncio.Event()
        """Set, and replaced, with each change."""

    async def run(self) -> None:
        """Follow the folder, whatever becomes of it."""
        while True:
            try:
                self.reason = await asyncio.to_thread(_unwatchable, self._root)
                if not self.reason:
                    await self._by_notices()
            except PetraError as error:
                log.warning("watch_waits", what=error.what, cause=error.cause)
            except RuntimeError as error:  # of watchfiles: the watch broke, or a name is not UTF-8
                log.warning("watch_lost", error=type(error).__name__)
            except OSError as error:
                self.reason = error.strerror or str(error).partition(" about")[0]
            try:
                if not await asyncio.to_thread(self._root.is_dir):
                    self.state = "not there"
                elif self.reason:
                    await self._by_looking()
            except (PetraError, OSError) as error:
                log.warning("watch_waits", error=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _by_notices(self) -> None:
        notices = Notices(self._root, self.only)
        try:
            await notices.open()
            self.state = "watched"
            self._head = await notices.work(_head, notices.git)
            await self._all(time.monotonic())
            while True:
                told = await notices.next()
                await self._take(notices, told, time.monotonic())
        finally:
            notices.close()

    async def _take(self, notices: Notices, told: set[Notice], since: float) -> None:
        meant = await notices.work(self._meaning, notices, told)
        if meant.git or meant.as_a_whole or len(told) > FEW:
            await self._settle(notices, told)
            meant = await notices.work(self._meaning, notices, told)
        if meant.other_places:
            found = await notices.open()
            new = tuple(f"{folder}/" for folder in meant.folders)
            meant.paths |= {file.path for file in found.files if file.path.startswith(new)}
        head = await notices.work(_head, notices.git) if meant.git else self._head
        if meant.as_a_whole or head != self._head:
            self._head = head
            await self._all(since)
        elif meant.paths:
            await self._some(sorted(meant.paths), since)

    async def _settle(self, notices: Notices, told: set[Notice]) -> None:
        """Add to `told` what comes until git has let go and nothing happens any more."""
        until = time.monotonic() + LONGEST_STORM
        while time.monotonic() < until:
            more = await notices.next(QUIET_MS)
            if not more and not await notices.work(_git_works, notices.git):
                return
            told |= more

    def _meaning(self, notices: Notices, told: set[Notice]) -> Meaning:
        """Blocking."""
        git = notices.git.as_posix() if notices.git else ""
        of = of_git(git) | of_git(git.removeprefix(f"{self._root.as_posix()}/"))
        meant = meaning(told, notices.folders, lambda path: _is_folder(self._root / path), of)
        if self.only is not None:
            meant.paths &= self.only
            meant.folders.clear()
        return meant

    async def _by_looking(self) -> None:
        """Compare walks, where the system does not tell. Ends with an OSError when the folder goes."""
        self.state = "looked at"
        if self._said != self.reason:
            self._said = self.reason
            log.warning("folder_not_watched", cause=self.reason, seconds=POLL_SECONDS)
        before = await asyncio.to_thread(walked, self._root, self.only)
        await self._all(time.monotonic())
        while True:
            began = time.monotonic()
            now = await asyncio.to_thread(walked, self._root, self.only)
            took = time.monotonic() - began
            paths = difference(before, now)
            if len(paths) > FEW:
                await self._all(began)
            elif paths:
                await self._some(sorted(paths), began)
            before = now
            await asyncio.sleep(max(POLL_SECONDS, POLL_SHARE * took))

    async def _all(self, since: float) -> None:
        if self.only is not None:
            await self._some(sorted(self.only), since)
            return
        await self._publish(["."])
        self._remember([(".", "all", "")], since)

    async def _some(self, paths: Sequence[str], since: float) -> None:
        published = await self._publish(paths)
        there = await asyncio.to_thread(lambda: {path for path in paths if (self._root / path).is_file()})
        changes: list[tuple[str, What, str]] = []
        for path in paths:
            if path in there:
                reason = published.left_out.get(path, "")
                changes.append((path, "left out" if reason else "changed", reason))
            elif any(gone == path or gone.startswith(f"{path}/") for gone in published.removed):
                changes.append((path, "removed", ""))
            # Nothing is said of what came and went, as editors' temporary files do.
        self._remember(changes, since)

    def _remember(self, changes: Sequence[tuple[str, What, str]], since: float) -> None:
        ms = round((time.monotonic() - since) * 1000)
        for path, what, reason in changes:
            self.number += 1
            self.recent.append(Change(self.number, path, what, ms, reason))
        event, self.changed = self.changed, asyncio.Event()
        event.set()


def _unwatchable(root: Path) -> str:
    """Why no notices can be had of this folder, where that is known beforehand. Blocking."""
    kind = platform.network_file_system(root)
    return f"it is on a network file system ({kind})" if kind else ""


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _head(git: Path | None) -> bytes | None:
    try:
        return (git / "HEAD").read_bytes()[:4096] if git else None
    except OSError:
        return None


def _git_works(git: Path | None) -> bool:
    return git is not None and (git / "index.lock").exists()
