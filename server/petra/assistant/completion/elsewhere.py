"""Pieces of other files that may help at a cursor: from what is open, and from the index.

Looked for while the next keystroke is waited for, and never waited for: who is early takes those of the
place before, or none. While somebody stays at a place they stay the same, and so does the beginning of
the prompt, which the model then need not read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from petra import telemetry
from petra.access import Identity
from petra.assistant.completion.cursor import Cursor
from petra.assistant.completion.prompt import Snippet
from petra.assistant.library import Library
from petra.assistant.retrieval import OpenDocument
from petra.assistant.subject import may_be_quoted
from petra.errors import PetraError
from petra.knowledge import buffers
from petra.knowledge.buffers import Buffer

log = telemetry.logger(__name__)

QUERY_LINES = 12
"""Before the cursor: what is looked for."""
MOST = 3
OPEN_DOCUMENTS = 8
LONGEST_DOCUMENT = 100_000
STAYS_LINES, STAYS_SECONDS = 6, 20.0
"""How far somebody may go, and how long it may take, before it is looked for anew."""


@dataclass(frozen=True)
class Neighbours:
    """What a person could be shown pieces of: open documents, and collections by name (None: all)."""

    open_documents: Sequence[OpenDocument]
    collections: tuple[str, ...] | None


class Elsewhere:
    """The pieces for one person, kept for the place where they are."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._found: list[Snippet] = []
        self._path, self._line, self._at = "", 0, 0.0
        self._search: asyncio.Task[None] | None = None

    def found(self, cursor: Cursor) -> list[Snippet]:
        """What is known now."""
        return self._found if cursor.path == self._path else []

    def look(self, caller: Identity, cursor: Cursor, neighbours: Callable[[], Neighbours]) -> None:
        """Begin to look for what is near, where that is not known yet."""
        line, now = cursor.before.count("\n"), time.monotonic()
        stays = abs(self._line - line) <= STAYS_LINES and now - self._at <= STAYS_SECONDS
        if (stays and cursor.path == self._path) or (self._search and not self._search.done()):
            return
        if cursor.path != self._path:
            self._found = []
        self._path, self._line, self._at = cursor.path, line, now
        self._search = asyncio.create_task(self._look(caller, cursor, neighbours()))

    async def _look(self, caller: Identity, cursor: Cursor, neighbours: Neighbours) -> None:
        query = "\n".join(cursor.before.rstrip().split("\n")[-QUERY_LINES:])
        try:
            others = [item for item in neighbours.open_documents if item.path != cursor.path]
            others = [
                item
                for item in others[:OPEN_DOCUMENTS]
                if await self._library.withheld(caller, item.path) is None
            ]
            typed = await asyncio.to_thread(_in_open, query, others)
            stored = await self._library.search(
                caller, query, k=2 * MOST, names=neighbours.collections, path=None
            )
        except PetraError as error:
            log.info("completion_without_snippets", code=error.code)
            return
        except Exception:  # nobody waits for this task: the suggestion comes without snippets
            log.exception("completion_search_failed")
            return
        shown = {document.path for document in neighbours.open_documents} | {cursor.path}
        found = typed + [
            Snippet(item.path, item.text)
            for item in stored
            if not any(path.endswith(f"/{item.path}") for path in shown)
        ]
        if self._path == cursor.path:
            self._found = found[:MOST]


def _in_open(query: str, documents: Sequence[OpenDocument]) -> list[Snippet]:
    """The best pieces of open documents, two at most."""
    short = [item for item in documents if len(item.text) <= LONGEST_DOCUMENT]
    allowed = [item for item in short if may_be_quoted(item.path, item.text)]
    found = buffers.by_words(query, [Buffer(item.path, item.text) for item in allowed], MOST - 1)
    return [Snippet(buffer.path.rpartition("/")[2], piece.text) for buffer, piece, _ in found]
