"""`@file` and `@symbol` in a question: what a person points at comes before what a search finds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from petra.knowledge import buffers
from petra.knowledge.buffers import Buffer
from petra.knowledge.extract import sniff
from petra.knowledge.search import Passage, Searcher
from petra.storage import chunks, documents, paths, symbols
from petra.storage.chunks import Chunk
from petra.storage.database import Connection, Database
from petra.storage.documents import Document
from petra.storage.symbols import Symbol

MOST = 8
"""Mentions of one question that are looked up."""
PER_MENTION = 4
"""Passages that one mention may bring."""

_MENTION = re.compile(r"(?<![\w.@])@(?:\"([^\"\n]{1,200})\"|([\w./\\:~-]{1,200}))")
_APART = re.compile(r"::|[.#›]")


@dataclass(frozen=True)
class Mentioned:
    """What was found, and the names for which nothing was."""

    passages: list[Passage]
    unknown: list[str]


def named_in(question: str) -> list[str]:
    """The names in a question: `@lab.c`, `@"my notes.md"`, `@Queue.push`. An address is none."""
    found = (quoted or plain.rstrip(".:-") for quoted, plain in _MENTION.findall(question))
    return [name for name in dict.fromkeys(found) if name][:MOST]


class Mentions:
    """Resolves names within the collections that a question may see, open documents first."""

    def __init__(
        self,
        db: Database,
        searcher: Searcher,
        collection_ids: Sequence[str],
        open_buffers: Sequence[Buffer],
    ) -> None:
        self._db = db
        self._searcher = searcher
        self._collections = collection_ids
        self._open = open_buffers

    async def find(self, names: Sequence[str], question: str) -> Mentioned:
        """The passages of each of `names`, those that fit the question best; a file goes before a symbol
        of the same name."""
        found = Mentioned([], [])
        for name in list(dict.fromkeys(names))[:MOST]:
            passages = await self._file(name, question) or await self._symbol(name)
            found.passages.extend(passages[:PER_MENTION])
            if not passages:
                found.unknown.append(name)
        return found

    async def _file(self, name: str, question: str) -> list[Passage]:
        wanted = name.replace("\\", "/").strip("/")
        if open_file := next((item for item in self._open if _ends_with(item.path, wanted)), None):
            return await self._of_buffer(open_file, question)
        async with self._db.read() as conn:
            document = next(iter(await paths.ending_with(conn, self._collections, wanted, 1)), None)
            if document is None:
                return []
            first = await chunks.of_document(conn, document.id)
        found = await self._searcher.search(
            question, [document.collection_id], PER_MENTION, path=document.path
        )
        return found or [passage(chunk, document) for chunk in first[:PER_MENTION]]

    async def _symbol(self, name: str) -> list[Passage]:
        *scope, last = [part for part in _APART.split(name) if part] or [name]
        async with self._db.read() as conn:
            known = await symbols.find(conn, last, self._collections, 20)
            fitting = [item for item in known if not scope or scope[-1] in item.scope.split(" › ")][:2]
            of = await documents.get_many(conn, [item.document_id for item in fitting])
            found = [await self._definition(conn, item, of) for item in fitting if item.document_id in of]
        newer = {item.document_id: item for item in self._open if item.document_id}
        passages: list[Passage] = []
        for item, stored in zip(fitting, found, strict=True):
            if buffer := newer.get(item.document_id):
                passages += await buffers.search(last, [buffer], 2, self._searcher.near)
            else:
                passages += stored
        return passages

    async def _definition(self, conn: Connection, item: Symbol, of: dict[str, Document]) -> list[Passage]:
        parts = await chunks.of_document(conn, item.document_id, lines=item.lines)
        return [passage(part, of[item.document_id]) for part in parts[:PER_MENTION]]

    async def _of_buffer(self, buffer: Buffer, question: str) -> list[Passage]:
        found = await buffers.search(question, [buffer], PER_MENTION, self._searcher.near)
        return found or buffers.whole(buffer, PER_MENTION)


def passage(chunk: Chunk, document: Document) -> Passage:
    """A chunk as a passage that somebody pointed at: no search has given it a score."""
    return Passage(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        collection_id=chunk.collection_id,
        document=document.title,
        path=document.path,
        header=chunk.header,
        text=chunk.text,
        pages=chunk.pages,
        lines=chunk.lines,
        score=1.0,
        dense=None,
        lexical=None,
        unit=sniff.unit(document.media_type),
    )


def _ends_with(path: str, wanted: str) -> bool:
    return PurePath(path).as_posix() == wanted or PurePath(path).as_posix().endswith(f"/{wanted}")
