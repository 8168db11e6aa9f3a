"""`workspace/symbol`: what the index has under a name, then what means something like it.

What a single document defines is left to the language server of its language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from petra.assistant.definitions import Definition, Definitions
from petra.assistant.library import Library
from petra.lsp.feature import Method
from petra.lsp.places import Found, Places

if TYPE_CHECKING:
    from petra.lsp.session import Session

MOST = 100
ENOUGH = 10
"""Symbols of a name; with fewer, what fits by meaning is looked for as well."""
SHORTEST = 3
"""Letters from which on a query has a meaning."""

_KINDS: Mapping[str, types.SymbolKind] = {
    "class": types.SymbolKind.Class,
    "constant": types.SymbolKind.Constant,
    "enum": types.SymbolKind.Enum,
    "field": types.SymbolKind.Field,
    "function": types.SymbolKind.Function,
    "interface": types.SymbolKind.Interface,
    "key": types.SymbolKind.Key,
    "macro": types.SymbolKind.Function,
    "method": types.SymbolKind.Method,
    "module": types.SymbolKind.Module,
    "object": types.SymbolKind.Object,
    "property": types.SymbolKind.Property,
    "section": types.SymbolKind.Namespace,
    "struct": types.SymbolKind.Struct,
    "trait": types.SymbolKind.Interface,
    "type": types.SymbolKind.Class,
}


class Symbols:
    """The symbols of the collections that the person of one session may read."""

    def __init__(self, session: Session, definitions: Definitions, library: Library, places: Places) -> None:
        self._session = session
        self._definitions = definitions
        self._library = library
        self._places = places

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method(types.WORKSPACE_SYMBOL, "search", self.find),)

    async def find(self, params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        """Symbols whose name begins like the query, then passages that fit it."""
        query, names = params.query.strip(), self._session.preferences.collections
        if not query:
            return []
        caller = self._session.identity
        defined = await self._definitions.beginning_with(caller, query, limit=MOST, names=names)
        found = [await self._symbol(item) for item in defined]
        if len(found) >= ENOUGH or len(query) < SHORTEST:
            return found
        there = {(item.document_id, item.lines[0]) for item in defined}
        for passage in await self._library.search(caller, query, k=ENOUGH, names=names, path=None):
            if passage.lines and (passage.document_id, passage.lines[0]) in there:
                continue
            found.append(
                types.WorkspaceSymbol(
                    location=await self._location(passage),
                    name=passage.header or passage.document,
                    kind=types.SymbolKind.File,
                    container_name=passage.path,
                )
            )
        return found

    async def _symbol(self, item: Definition) -> types.WorkspaceSymbol:
        return types.WorkspaceSymbol(
            location=await self._location(item),
            name=item.name,
            kind=_KINDS.get(item.kind, types.SymbolKind.Variable),
            container_name=f"{item.scope} ({item.path})" if item.scope else item.path,
        )

    async def _location(self, item: Found) -> types.Location:
        place = await self._places.location(item)
        start, end = place["range"]["start"], place["range"]["end"]
        return types.Location(
            place["uri"],
            types.Range(types.Position(max(start["line"], 0), 0), types.Position(max(end["line"], 0), 0)),
        )
