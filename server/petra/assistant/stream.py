"""The parts of one answer: numbered, committed in small groups, then shown to whoever follows.

A part is shown only after it is committed, so a reload or a crash loses no text that a person saw.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from petra.messages import Done, Part, StreamItem, Text, to_wire
from petra.storage import conversations
from petra.storage.database import Database

GROUP_SECONDS = 0.03
"""Between two commits of a stream at least, the parts of which are collected meanwhile: below what a reader
notices, and few commits a second instead of one a token."""


class AnswerStream:
    """One answer while it is being made.

    `put` never waits. `abandoned` is called when nobody has followed for `grace` seconds.
    """

    def __init__(self, db: Database, answer_id: str, *, grace: float, abandoned: Callable[[], None]) -> None:
        self.answer_id = answer_id
        self.items: list[StreamItem] = []
        self._db = db
        self._pending: list[Part] = []
        self._wake = asyncio.Event()
        self._committed = asyncio.Condition()
        self._finished = False
        self._followers = 0
        self._grace = grace
        self._abandoned = abandoned
        self._timer: asyncio.TimerHandle | None = None
        self._start_grace()

    def put(self, part: Part) -> None:
        """Add a part; text that follows text in the same group becomes one part."""
        last = self._pending[-1] if self._pending else None
        if isinstance(part, Text) and isinstance(last, Text):
            self._pending[-1] = Text(last.text + part.text)
        else:
            self._pending.append(part)
        self._wake.set()

    async def write(self) -> None:
        """Commit and publish groups until `Done` has been committed. Run as a task."""
        clock = asyncio.get_running_loop().time
        last = -GROUP_SECONDS
        while not self._finished:
            await self._wake.wait()
            if not isinstance(self._pending[-1], Done):
                # What comes after a pause, the first word above all, is shown at once.
                await asyncio.sleep(max(last + GROUP_SECONDS - clock(), 0))
            last = clock()
            self._wake.clear()
            group, self._pending = self._pending, []
            first = len(self.items)
            items = [StreamItem(self.answer_id, first + i, part) for i, part in enumerate(group)]
            async with self._db.write() as conn:
                await conversations.append_parts(
                    conn,
                    self.answer_id,
                    [(item.seq, item.part.kind, to_wire(item.part)) for item in items],
                )
            async with self._committed:
                self.items += items
                self._finished = isinstance(group[-1], Done)
                self._committed.notify_all()
        if self._timer:
            self._timer.cancel()

    async def fail(self) -> None:
        """Let followers go when parts can no longer be committed (the database is away)."""
        async with self._committed:
            self._finished = True
            self._committed.notify_all()

    async def follow(self, after_seq: int = -1) -> AsyncGenerator[StreamItem]:
        """Committed parts with `seq` above `after_seq`, then new ones as they are committed."""
        self._followers += 1
        if self._timer:
            self._timer.cancel()
            self._timer = None
        position = max(after_seq + 1, 0)
        try:
            while True:
                async with self._committed:
                    while len(self.items) <= position and not self._finished:
                        await self._committed.wait()
                    ready = self.items[position:]
                    finished = self._finished
                for item in ready:
                    yield item
                position += len(ready)
                if finished and position >= len(self.items):
                    return
        finally:
            self._followers -= 1
            if not self._followers and not self._finished:
                self._start_grace()

    def _start_grace(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._grace, self._abandoned)
