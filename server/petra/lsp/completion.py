"""`textDocument/inlineCompletion`, and the same as an item of `textDocument/completion` for editors that
do not know it. What is suggested, and when, is decided by `petra.assistant.completion`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from petra import telemetry
from petra.assistant.completion.completing import Completing, Off, Wanted
from petra.assistant.completion.cursor import Cursor
from petra.assistant.completion.elsewhere import Neighbours
from petra.assistant.retrieval import OpenDocument
from petra.errors import PetraError
from petra.lsp.feature import Command, Method
from petra.lsp.scope import shown_path
from petra.lsp.text import units

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

SHOWN, ACCEPTED = "petra.completionShown", "petra.completionAccepted"
LABEL = 60
"""Characters of a suggestion that a list of completions shows."""

_WORD = re.compile(r"(?<!\w)\w*$")


class Completion:
    """Suggestions in one session. `completing` is None where nobody makes any."""

    def __init__(self, session: Session, completing: Completing | None) -> None:
        self._session = session
        self._typist = completing.typist(session.identity) if completing else None
        self._said: set[tuple[str, bool]] = set()

    def methods(self) -> Sequence[Method | Command]:
        """What this feature answers. Without options, pygls does not advertise inline completion."""
        return (
            Method(
                types.TEXT_DOCUMENT_INLINE_COMPLETION,
                "ask",
                self._inline,
                options=types.InlineCompletionOptions(),
            ),
            Method(types.TEXT_DOCUMENT_COMPLETION, "ask", self._listed, options=types.CompletionOptions()),
            Command(SHOWN, "use_editor", self._shown),
            Command(ACCEPTED, "use_editor", self._accepted),
        )

    async def _inline(self, params: types.InlineCompletionParams) -> list[types.InlineCompletionItem] | None:
        automatic = params.context.trigger_kind == types.InlineCompletionTriggerKind.Automatic
        chosen = params.context.selected_completion_info
        cursor = self._cursor(params.text_document.uri, params.position, chosen, automatic=automatic)
        text = await self._suggestion(params.text_document.uri, cursor)
        if not text:
            return None
        where = chosen.range if chosen else types.Range(start=params.position, end=params.position)
        insert = (chosen.text if chosen else "") + text
        return [types.InlineCompletionItem(insert, range=where, command=_accepting())]

    async def _listed(self, params: types.CompletionParams) -> types.CompletionList | None:
        document = self._session.client.text_document
        if document and document.inline_completion:
            return None
        cursor = self._cursor(params.text_document.uri, params.position, None, automatic=True)
        text = await self._suggestion(params.text_document.uri, cursor)
        if cursor is None or not text:
            return None
        # Editors filter by what is typed of the word at the cursor, so the item begins with it.
        match = _WORD.search(cursor.line)
        word = match[0] if match else ""
        start = params.position.character - units(word, self._session.encoding)
        where = types.Range(
            start=types.Position(line=params.position.line, character=start), end=params.position
        )
        first = (word + text).strip().partition("\n")[0].rstrip("\r")
        more = " …" if len(first) > LABEL or "\n" in text.strip() else ""
        item = types.CompletionItem(
            label=first[:LABEL] + more,
            kind=types.CompletionItemKind.Text,
            detail="Petra",
            documentation=word + text,
            sort_text="\uffff",
            filter_text=first,
            insert_text_format=types.InsertTextFormat.PlainText,
            insert_text_mode=types.InsertTextMode.AsIs,
            text_edit=types.TextEdit(range=where, new_text=word + text),
            command=_accepting(),
        )
        return types.CompletionList(is_incomplete=True, items=[item])

    def _cursor(
        self,
        uri: str,
        position: types.Position,
        chosen: types.SelectedCompletionInfo | None,
        *,
        automatic: bool,
    ) -> Cursor | None:
        """The place, as it would be with what is chosen in a list of completions; None where nothing is
        known of the document."""
        document = self._session.documents.get(uri)
        if document is None or document.text is None:
            return None
        text = document.text
        end = text.offset((position.line, position.character))
        start = text.offset((chosen.range.start.line, chosen.range.start.character)) if chosen else end
        whole = str(text)
        before = whole[:start] + (chosen.text if chosen else "")
        path = document.path or uri
        return Cursor(
            path=path,
            shown=shown_path(self._session, path),
            language=document.language,
            before=before.replace("\r\n", "\n"),
            after=whole[end:].replace("\r\n", "\n"),
            automatic=automatic,
        )

    async def _suggestion(self, uri: str, cursor: Cursor | None) -> str:
        """What to insert, with the line ends of the document; "" for nothing."""
        set_to = self._session.preferences
        if cursor is None or self._typist is None or not set_to.inline_completion:
            return ""
        wanted = Wanted(set_to.model, prose=set_to.inline_completion_in_comments)
        try:
            text = await self._typist.suggest(cursor, wanted, self._neighbours)
        except PetraError as error:
            log.info("completion_failed", code=error.code)
            text = Off.of(error)
        if isinstance(text, Off):
            self._say(text.why, asked=not cursor.automatic)
            return ""
        document = self._session.documents.get(uri)
        ends_with_crlf = document and document.text and "\r\n" in str(document.text)
        return text.replace("\n", "\r\n") if ends_with_crlf else text

    def _neighbours(self) -> Neighbours:
        documents = [
            OpenDocument(item.path or item.uri, item.text)
            for item in self._session.documents.overlay()
            if not self._session.owns(item.uri)
        ]
        return Neighbours(documents, self._session.preferences.collections)

    def _say(self, why: str, *, asked: bool) -> None:
        """Say once why nothing is suggested: in the editor's log, or shown to a person who has asked."""
        if (why, asked) in self._said:
            return
        self._said.add((why, asked))
        text = f"Petra suggests nothing at the cursor: {why}"
        if asked:
            self._session.show(types.MessageType.Info, text)
        else:
            self._session.notify(
                types.WINDOW_LOG_MESSAGE, types.LogMessageParams(type=types.MessageType.Info, message=text)
            )

    async def _shown(self, _: list[Any]) -> None:
        """A client tells that a suggestion was shown; not all do."""
        telemetry.completions_total.labels("shown").inc()

    async def _accepted(self, _: list[Any]) -> None:
        """A client runs this after it has inserted a suggestion."""
        telemetry.completions_total.labels("accepted").inc()


def _accepting() -> types.Command:
    return types.Command(title="Petra's suggestion was accepted", command=ACCEPTED, arguments=[])
