"""Every collection that mirrors a folder follows it, unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path

from petra.errors import PetraError
from petra.knowledge.changes import Published
from petra.knowledge.mirror import Change, Mirror, State
from petra.storage import collections
from petra.storage.database import Database
from petra.telemetry import logger

log = logger("petra.knowledge.watch")

LOOK_SECONDS = 2.0
"""How soon a new collection is followed."""

Changed = Callable[[str, Collection[str]], Awaitable[Published]]
"""`Ingest.changed`."""


class Watching:
    """Follows the folders of all collections, or the single files that were indexed of one; without
    `unasked`, of those whose changes somebody waits for. `changed` publishes."""

    def __init__(self, db: Database, changed: Changed, *, unasked: bool = True) -> None:
        self._db = db
        self._changed = changed
        self._unasked = unasked
        self._asked: set[str] = set()
        self._mirrors: dict[str, tuple[Mirror, asyncio.Task[None]]] = {}
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin, with what changed while nobody looked."""
        self._loop = asyncio.create_task(self._run(), name="watching")

    async def stop(self) -> None:
        """End all of it."""
        tasks = [task for _, task in self._mirrors.values()] + ([self._loop] if self._loop else [])
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def state(self, collection_id: str) -> tuple[State, str] | None:
        """How a collection's folder is followed, and why not better; None when it is not."""
        mirror = self._mirrors.get(collection_id)
        return (mirror[0].state, mirror[0].reason) if mirror else None

    def forget(self, collection_id: str) -> None:
        """Follow a collection no longer that was removed; whoever waits for its changes is told at once."""
        self._asked.discard(collection_id)
        if found := self._mirrors.pop(collection_id, None):
            mirror, task = found
            task.cancel()
            mirror.changed.set()

    async def changes(self, collection_id: str, after: int, within: float) -> list[Change]:
        """Changes with numbers above `after`, as soon as there are some; none when there are none
        `within` seconds."""
        self._asked.add(collection_id)
        try:
            async with asyncio.timeout(within):
                while True:
                    if (mirror := self._mirrors.get(collection_id)) is None:
                        if collection_id not in self._asked:
                            return []
                        await asyncio.sleep(LOOK_SECONDS / 10)
                        continue
                    changed = mirror[0].changed
                    if found := [change for change in mirror[0].recent if change.number > after]:
                        return found
                    await changed.wait()
        except TimeoutError:
            return []

    async def _run(self) -> None:
        while True:
            try:
                if self._unasked or self._asked:
                    await self._adjust()
            except PetraError as error:
                log.warning("watching_waits", what=error.what, cause=error.cause)
            except Exception:  # nobody awaits this task: without a word, no new folder would be followed
                log.exception("watching_failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def _adjust(self) -> None:
        """Follow the collections that there are now, and no others; a new one when it has been read once,
        since until then whoever asked for it may take it back."""
        async with self._db.read() as conn:
            followed = await collections.followed(conn, read_once=True)
        wanted = {item.id: (item, only) for item, only in followed if self._unasked or item.id in self._asked}
        for id, (mirror, task) in list(self._mirrors.items()):
            if id not in wanted or wanted[id][1] != mirror.only:
                del self._mirrors[id]
                task.cancel()
        for id in wanted.keys() - self._mirrors.keys():
            collection, only = wanted[id]
            mirror = Mirror(Path(str(collection.root)), partial(self._changed, id), only)
            task = asyncio.create_task(mirror.run(), name=f"watch-{id}")
            task.add_done_callback(_say)
            self._mirrors[id] = mirror, task


def _say(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("watch_failed", exc_info=error)
