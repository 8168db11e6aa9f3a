"""What the person's own files define, by name."""

from __future__ import annotations

from dataclasses import dataclass

from petra.access import Identity
from petra.assistant.scope import readable_now
from petra.storage import chunks, documents, symbols
from petra.storage.database import Connection, Database
from petra.storage.symbols import Symbol

LINES_SHOWN = 8


@dataclass(frozen=True)
class Definition:
    """A definition and where it is; `lines` are first and last, from 1. `text` are its first lines, where
    they were asked for and the index has them."""

    name: str
    kind: str
    scope: str
    lines: tuple[int, int]
    document_id: str
    document: str
    path: str
    text: str = ""


class Definitions:
    """The symbols of the collections that a person may read."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def named(
        self, caller: Identity, name: str, *, limit: int, names: tuple[str, ...] | None = None
    ) -> list[Definition]:
        """Those of exactly this name, with their first lines."""
        return await self._found(caller, name, limit, names, prefix=False)

    async def beginning_with(
        self, caller: Identity, name: str, *, limit: int, names: tuple[str, ...] | None = None
    ) -> list[Definition]:
        """Those whose name begins so, whatever its case; the shorter ones first."""
        return await self._found(caller, name, limit, names, prefix=True)

    async def _found(
        self, caller: Identity, name: str, limit: int, names: tuple[str, ...] | None, *, prefix: bool
    ) -> list[Definition]:
        async with self._db.read() as conn:
            scope = [item.id for item in await readable_now(conn, caller, names)]
            found = await symbols.find(conn, name, scope, limit, prefix=prefix)
            if not prefix:
                found = [item for item in found if item.name == name]
            of = await documents.get_many(conn, [item.document_id for item in found])
            return [
                Definition(
                    name=item.name,
                    kind=item.kind,
                    scope=item.scope,
                    lines=item.lines,
                    document_id=item.document_id,
                    document=of[item.document_id].title,
                    path=of[item.document_id].path,
                    text="" if prefix else await _text(conn, item),
                )
                for item in found
                if item.document_id in of
            ]


async def _text(conn: Connection, item: Symbol) -> str:
    """The first lines of a definition, out of the chunk that it begins in."""
    first = item.lines[0]
    last = min(item.lines[1], first + LINES_SHOWN - 1)
    for chunk in await chunks.of_document(conn, item.document_id, lines=(first, first)):
        if chunk.lines and chunk.lines[0] <= first:
            shown = chunk.text.splitlines()[first - chunk.lines[0] : last - chunk.lines[0] + 1]
            if shown and item.name in "\n".join(shown):
                return "\n".join(shown)
    return ""
