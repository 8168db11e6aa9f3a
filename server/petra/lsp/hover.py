"""`textDocument/hover`: the card of a symbol from the index, and what was explained of it before.

No model is asked: a card is there at once or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from lsprotocol import types

from petra.assistant.definitions import Definition, Definitions
from petra.lsp import citations
from petra.lsp.explanations import Explanations
from petra.lsp.feature import Method
from petra.lsp.places import Places
from petra.lsp.text import units

if TYPE_CHECKING:
    from petra.lsp.documents import Open
    from petra.lsp.session import Session

MOST = 3
SHORTEST = 2
_WORD = re.compile(r"\w+")
_TICKS = re.compile("`+")


class Hovering:
    """The cards of one session."""

    def __init__(
        self, session: Session, definitions: Definitions, explanations: Explanations, places: Places
    ) -> None:
        self._session = session
        self._definitions = definitions
        self._explanations = explanations
        self._places = places

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method(types.TEXT_DOCUMENT_HOVER, "search", self.hover),)

    async def hover(self, params: types.HoverParams) -> types.Hover | None:
        """The cards of what the word under the cursor may mean."""
        document = self._session.documents.get(params.text_document.uri)
        word = self._word(document, params.position) if document else None
        if word is None:
            return None
        found = await self._definitions.named(
            self._session.identity, word, limit=MOST, names=self._session.preferences.collections
        )
        cards = [await self._card(item) for item in found]
        if not cards:
            return None
        text = "\n\n---\n\n".join(cards)
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text))

    async def _card(self, item: Definition) -> str:
        uri = (await self._places.location(item))["uri"]
        name = citations.reference(item.path, item.lines)
        where = citations.to_lines(name, uri, item.lines) if uri.startswith("file:") else name
        scope = f" in {item.scope}" if item.scope else ""
        blocks = [f"**{item.name}** ({item.kind}{scope}), {where}"]
        if item.text:
            fence = max(["``", *_TICKS.findall(item.text)], key=len) + "`"
            blocks.append(f"{fence}{PurePath(item.path).suffix[1:]}\n{item.text}\n{fence}")
        known = self._session.documents.get(uri)
        current = str(known.text) if known and known.text is not None else None
        first = next(iter(item.text.splitlines()), "")
        if said := self._explanations.of(self._session.identity.user_id, uri, first, current):
            blocks.append(f"{said}\n\n*Explained by a model before.*")
        return "\n\n".join(blocks)

    def _word(self, document: Open, at: types.Position) -> str | None:
        if document.text is None or not 0 <= at.line < document.text.lines:
            return None
        line, encoding = document.text.line(at.line), self._session.encoding
        for found in _WORD.finditer(line):
            start, end = (units(line[:edge], encoding) for edge in found.span())
            if start <= at.character <= end and len(found[0]) >= SHORTEST:
                return found[0]
        return None
