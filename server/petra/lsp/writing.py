"""The parts of one answer, on their way into its file."""

from __future__ import annotations

import time
from typing import Any

from petra.lsp import answer_file
from petra.lsp.places import Places
from petra.lsp.progress import Report
from petra.lsp.sheet import Sheet
from petra.messages import SourcePart, Status, StreamItem

PAUSE = 0.15
"""Seconds between two edits of a file into which an answer is written."""


class Draft:
    """An answer as far as it is there."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._items: dict[int, StreamItem] = {}
        self._locations: dict[int, dict[str, Any]] = {}
        self.over = False
        """Whether nothing more comes."""

    async def add(self, item: StreamItem) -> None:
        """Take up a part."""
        self._items[item.seq] = item
        self.over = self.over or item.part.kind == "done"
        if isinstance(item.part, SourcePart):
            self._locations[item.part.source.n] = await self._places.location(item.part.source)

    def body(self) -> str:
        """What the file says of it."""
        return answer_file.body(list(self._items.values()), self._locations)


class Writing:
    """Writes an answer into its file, a few times a second."""

    def __init__(self, sheet: Sheet, number: int, places: Places, report: Report) -> None:
        self._sheet = sheet
        self._number = number
        self._draft = Draft(places)
        self._report = report
        self._written = time.monotonic()

    async def take(self, item: StreamItem) -> None:
        """Add a part; the file is brought up to date where its time has come."""
        await self._draft.add(item)
        self._report(item.part.message if isinstance(item.part, Status) else "Writing", None)
        if self._draft.over or time.monotonic() - self._written >= PAUSE:
            await self._sheet.put(self._number, self._draft.body(), last=self._draft.over)
            self._written = time.monotonic()
