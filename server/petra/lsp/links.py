"""Where citations lead: `textDocument/documentLink` and `textDocument/definition` of answer files.

In every other document both are left to the language server of its language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from petra.lsp import citations
from petra.lsp.feature import Method
from petra.lsp.text import Text

if TYPE_CHECKING:
    from petra.lsp.session import Session


class Links:
    """The citations in the answer files that one session has open."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        options = types.DocumentLinkOptions(resolve_provider=False)
        return (
            Method(types.TEXT_DOCUMENT_DOCUMENT_LINK, "use_editor", self.all, options=options),
            Method(types.TEXT_DOCUMENT_DEFINITION, "use_editor", self.one),
        )

    def all(self, params: types.DocumentLinkParams) -> list[types.DocumentLink] | None:
        """Every citation of an answer file."""
        text = self._text(params.text_document.uri)
        if text is None:
            return None
        return [
            types.DocumentLink(
                range=types.Range(
                    types.Position(number, found.columns[0]), types.Position(number, found.columns[1])
                ),
                target=found.target,
            )
            for number in range(text.lines)
            for found in self._in(text, number)
        ]

    def one(self, params: types.DefinitionParams) -> types.Location | None:
        """What the citation under the cursor points at."""
        text, at = self._text(params.text_document.uri), params.position
        if text is None or not 0 <= at.line < text.lines:
            return None
        under = (
            found.location
            for found in self._in(text, at.line)
            if found.columns[0] <= at.character <= found.columns[1]
        )
        return next(under, None)

    def _in(self, text: Text, number: int) -> list[citations.Citation]:
        """The links of a line, and its marks that a list further down explains."""
        line, encoding = text.line(number), self._session.encoding
        found = list(citations.links(line, encoding))
        for n, columns in citations.marks(line, encoding):
            if place := _explained(text, number, n):
                found.append(citations.Citation(columns, *place))
        return found

    def _text(self, uri: str) -> Text | None:
        document = self._session.documents.get(uri)
        return document.text if document and self._session.owns(uri) else None


def _explained(text: Text, after: int, n: int) -> tuple[str, tuple[int, int]] | None:
    """Source `n` of the answer that line `after` is in."""
    for number in range(after, text.lines):
        line = text.line(number)
        if line.startswith("## "):
            return None
        if (place := citations.listed(line)) and place[0] == n:
            return place[1], place[2]
    return None
