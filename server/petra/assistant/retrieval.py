"""Which passages an answer is made of: what was pointed at, what is open, what the index finds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from petra import telemetry
from petra.assistant.mentions import Mentions, named_in
from petra.assistant.subject import left_out, may_be_quoted
from petra.knowledge import buffers
from petra.knowledge.buffers import Buffer
from petra.knowledge.search import Passage, Searcher, is_below, path_below
from petra.messages import AskRequest
from petra.storage import paths
from petra.storage.collections import Collection
from petra.storage.database import Database

SUBJECT_CHARACTERS = 800
"""How much of a selection or document is searched with: more than the embedder reads adds nothing."""


@dataclass(frozen=True)
class OpenDocument:
    """A document as its editor shows it at the time of the question. `path` is absolute on the editor's
    machine, or its URI; it is compared with what the index has, and never opened."""

    path: str
    text: str


@dataclass(frozen=True)
class Retrieved:
    """Passages, the best first, and the mentions that mean nothing here."""

    passages: list[Passage]
    unknown: list[str]


class Retrieval:
    """Searches for one question. `scope` is what the person may read and asked for."""

    def __init__(
        self,
        db: Database,
        searcher: Searcher,
        request: AskRequest,
        scope: Sequence[Collection],
        open_documents: Sequence[OpenDocument],
        *,
        local: bool,
    ) -> None:
        self._db = db
        self._searcher = searcher
        self._request = request
        self._scope = scope
        self._open = open_documents
        self._local = local
        self._ids = [item.id for item in scope]
        self._roots = {item.id: item.root for item in scope}

    async def find(self, last_question: str | None, k: int, relevance: float) -> Retrieved:
        """At most `k` relevant passages. A follow-up that finds nothing alone ("and why?") is looked up
        once more together with the question before it."""
        request = self._request
        open_buffers = await self._buffers()
        subject = (request.selection or request.document or "")[:SUBJECT_CHARACTERS]
        query = "\n".join(text for text in (request.question.strip(), subject) if text)
        mentions = Mentions(self._db, self._searcher, self._ids, open_buffers)
        names = [*(request.mentions or ()), *named_in(request.question)]
        mentioned = await mentions.find(names, query)
        found: list[Passage] = []
        for text in [query] + ([f"{last_question}\n{query}"] if last_question else []):
            with telemetry.timed(telemetry.search_seconds):
                found = await self._search(text, open_buffers, k, relevance)
            if found or mentioned.passages:
                break
        # What is unknown may be an address or a decorator: only what was named on purpose is worth a word.
        unknown = [name for name in mentioned.unknown if name in (request.mentions or ())]
        return Retrieved(_distinct([*mentioned.passages, *found])[:k], unknown)

    async def _search(
        self, query: str, open_buffers: Sequence[Buffer], k: int, relevance: float
    ) -> list[Passage]:
        """What the index and the open documents have: of a document that is open, what is open counts."""
        stored = await self._searcher.search(query, self._ids, k, path=self._request.path)
        newer = {(item.collection_id, item.path) for item in open_buffers}
        stored = [item for item in stored if (item.collection_id, item.path) not in newer]
        # What waits for its vector would else count as relevant, whatever is asked.
        stored = await self._searcher.compared(query, stored)
        typed = await buffers.search(query, open_buffers, k, self._searcher.near) if open_buffers else []
        return merged(
            [item for item in stored if item.relevance >= relevance],
            [item for item in typed if item.relevance >= relevance and not self._is_quoted(item)],
        )

    def _is_quoted(self, item: Passage) -> bool:
        """Whether a passage of an open document is in the prompt anyway, as what the question is about."""
        request = self._request
        if not request.file_path or not _same(item.path, request.file_path):
            return False
        if not request.selection:
            return request.document is not None
        marked, lines = request.lines, item.lines
        return bool(marked and lines and marked[0] <= lines[0] and lines[1] <= marked[1])

    async def _buffers(self) -> list[Buffer]:
        """The open documents that may be quoted and are within the path that was asked for, each with the
        document of the index that it is a newer version of."""
        wanted = [item for item in self._open if self._wanted(item.path)]
        allowed = await asyncio.to_thread(
            lambda: [item for item in wanted if may_be_quoted(item.path, item.text)]
        )
        found = [await self._buffer(item) for item in allowed]
        return [item for item in found if item is not None]

    async def _buffer(self, item: OpenDocument) -> Buffer | None:
        """None for what lies in an indexed folder and is left out there, by a rule in that folder."""
        for collection in self._scope:
            below = collection.root and path_below(item.path, collection.root)
            if not below or not PurePath(item.path).is_absolute():
                continue
            async with self._db.read() as conn:
                known = await paths.at(conn, collection.id, below)
            new = known is None and self._local and collection.root
            if new and await asyncio.to_thread(left_out, new, below):
                return None
            return Buffer(below, item.text, known.id if known else "", collection.id)
        return Buffer(item.path, item.text)

    def _wanted(self, path: str) -> bool:
        limit = self._request.path
        if limit is None:
            return True
        if PurePath(limit).is_absolute():
            return is_below(PurePath(path).as_posix(), PurePath(limit).as_posix().rstrip("/"))
        places = (path_below(path, root) for root in self._roots.values() if root)
        return any(place is not None and is_below(place, limit.rstrip("/")) for place in places)


def merged(stored: Sequence[Passage], typed: Sequence[Passage]) -> list[Passage]:
    """Passages of open documents among those of the index: each before the first one that is less
    similar to the question. The index's own order stays. Pure."""
    found = list(stored)
    for item in sorted(typed, key=lambda passage: passage.dense or 0.0):
        near = item.dense or 0.0
        place = next((at for at, other in enumerate(found) if (other.dense or 0.0) <= near), len(found))
        found.insert(place, item)
    return found


def _same(path: str, other: str) -> bool:
    """Whether two names mean one file: the shorter one is the end of the longer one."""
    short, long = sorted((PurePath(path).as_posix(), PurePath(other).as_posix()), key=len)
    return long == short or long.endswith(f"/{short}")


def _distinct(passages: Sequence[Passage]) -> list[Passage]:
    """Each passage once, by its chunk or, in an open document, its place."""
    seen: dict[object, Passage] = {}
    for item in passages:
        seen.setdefault(item.chunk_id or (item.collection_id, item.path, item.lines), item)
    return list(seen.values())
