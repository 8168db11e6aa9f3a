"""Edits that a model makes: asked for when somebody wants one, and only of the version that they saw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import attrs
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from petra.errors import BadRequest, DocumentChanged, ModelUnavailable
from petra.lsp import edits
from petra.lsp.ask import Asking, AskParams
from petra.lsp.documents import Open
from petra.lsp.params import Document, Position, Range
from petra.lsp.progress import Report, Running
from petra.lsp.text import Text
from petra.messages import Mode, Status, StreamItem

if TYPE_CHECKING:
    from petra.lsp.session import Session


@attrs.frozen(kw_only=True)
class Rewrite:
    """Lines `first` to `last` (from 0) of a document in the `version` that the person saw."""

    uri: str
    version: int
    first: int
    last: int
    mode: Mode
    question: str = ""


class Rewriting:
    """The edits of one session."""

    def __init__(self, session: Session, asking: Asking, running: Running) -> None:
        self._session = session
        self._asking = asking
        self._progress = running

    async def edit(self, wanted: Rewrite) -> types.WorkspaceEdit:
        """The edit, once the model has written it. Raises DocumentChanged, BadRequest for what is no code."""
        document, text = self._current(wanted)
        range = edits.span(text, wanted.first, wanted.last)
        before = text.between(_place(range.start), _place(range.end))
        if not before.strip():
            raise BadRequest("There is nothing to rewrite here", remedy="Mark some lines")
        params = AskParams(
            question=wanted.question,
            mode=wanted.mode,
            text_document=Document(uri=wanted.uri),
            range=Range(start=_position(range.start), end=_position(range.end)),
        )
        async with self._progress.unasked("Petra writes an edit") as report:
            answer = await self._asking.follow(await self._asking.begin(params), _telling(report))
        if answer.error:
            raise ModelUnavailable(answer.error.what, cause=answer.error.cause, remedy=answer.error.remedy)
        new = edits.rewritten(wanted.mode, answer.answer, before, document.language)
        self._current(wanted)
        model = answer.usage.model if answer.usage else "of this server"
        edit = types.TextEdit(range, new)
        return edits.workspace_edit(self._session.client, wanted.uri, wanted.version, edit, model)

    async def apply(self, wanted: Rewrite) -> bool:
        """Have the editor make the edit; whether it did. How long a person thinks about it is up to them."""
        params = types.ApplyWorkspaceEditParams(await self.edit(wanted), label=f"Petra: {wanted.mode}")
        try:
            result = await self._session.request(types.WORKSPACE_APPLY_EDIT, params, None)
        except JsonRpcException:
            return False
        return bool(result.applied)

    def _current(self, wanted: Rewrite) -> tuple[Open, Text]:
        document = self._session.documents.get(wanted.uri)
        if document is None or document.text is None:
            raise BadRequest("The document is not open", remedy="Open it, and ask again")
        if document.version != wanted.version:
            raise DocumentChanged(
                "The document has changed since",
                cause="This edit was for the text as it was before",
                remedy="Ask again",
            )
        return document, document.text


def _telling(report: Report) -> Callable[[StreamItem], Awaitable[None]]:
    async def each(item: StreamItem) -> None:
        report(item.part.message if isinstance(item.part, Status) else "Writing", None)

    return each


def _place(at: types.Position) -> tuple[int, int]:
    return at.line, at.character


def _position(at: types.Position) -> Position:
    return Position(line=at.line, character=at.character)
