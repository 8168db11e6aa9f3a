"""Answers in answer files: a chat in any editor, without a plugin."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import attrs
from pygls.uris import from_fs_path, to_fs_path

from petra import telemetry
from petra.assistant.modes import TASKS
from petra.errors import BadRequest, PetraError
from petra.lsp import answer_file, citations
from petra.lsp.ask import Asking, AskParams
from petra.lsp.explanations import Explanations
from petra.lsp.mending import Mending
from petra.lsp.params import Document, Position, Range
from petra.lsp.places import Places
from petra.lsp.progress import Running
from petra.lsp.scope import shown_path
from petra.lsp.sheet import KEPT, Sheet, create
from petra.lsp.writing import Writing

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)


@dataclass
class _Begun:
    """An answer that is written into a file."""

    sheet: Sheet
    number: int
    answer_id: str
    explained: tuple[str, str] | None
    over: bool = False


class Chats:
    """The answers that are being written into files of one session."""

    def __init__(
        self,
        session: Session,
        asking: Asking,
        mending: Mending,
        places: Places,
        running: Running,
        explanations: Explanations,
    ) -> None:
        self._session = session
        self._asking = asking
        self._mending = mending
        self._places = places
        self._progress = running
        self._explanations = explanations
        self._answers: dict[str, str] = {}
        """The answers that are being written, by the file."""
        self._begun: dict[tuple[str, int], _Begun] = {}
        session.documents.watch(self._touched)

    async def start(self, params: AskParams) -> dict[str, Any]:
        """Answer a question in a new file; the reply comes when the answer has begun."""
        self._need_files()
        answer_id = await self._asking.begin(params)
        question = params.question.strip() or TASKS[params.mode].question
        about = self._about(params)
        title = question if params.mode == "ask" else f"{params.mode.capitalize()} {about[0]}".strip()
        sheet = await create(self._session, answer_file.new(title, question, about[1]), title)
        with self._held(sheet):
            return await self._begin(sheet, 1, answer_id, self._explained(params), show=True)

    async def prompt(self, params: AskParams) -> dict[str, Any]:
        """A new file with an empty place for a question."""
        self._need_files()
        name, link = self._about(params)
        title = f"Petra: {name}" if name else "Petra"
        sheet = await create(self._session, answer_file.new(title, "", link), title)
        await sheet.show(focus=True)
        return {"uri": sheet.uri, "answer": None}

    async def page(self, title: str, text: str) -> dict[str, Any]:
        """A new file that says `text`, with a place for a question below it."""
        sheet = await create(self._session, answer_file.new(title, "", text), title)
        await sheet.show(focus=False)
        return {"uri": sheet.uri, "answer": None}

    async def go_on(self, uri: str) -> dict[str, Any]:
        """Answer the question that stands at the end of an answer file."""
        sheet = Sheet(self._session, self._session.path(uri))
        with self._held(sheet):
            return await self._go_on(sheet)

    async def _go_on(self, sheet: Sheet) -> dict[str, Any]:
        text = await sheet.text()
        asked = answer_file.asked(text)
        if not asked.question:
            raise BadRequest("There is no question", cause="Nothing stands under the last ## Ask")
        params = AskParams(question=asked.question, conversation_id=asked.conversation_id)
        if asked.conversation_id is None:
            params = self._with_subject(params, asked.about)
        answer_id = await self._asking.begin(params)
        return await self._begin(sheet, answer_file.next_number(text), answer_id)

    def cancel(self, uri: str | None) -> int:
        """Stop the answer in a file, or all; return how many that were."""
        wanted = None if uri is None else _as_we_write_it(uri)
        stopped = [answer for name, answer in self._answers.items() if wanted in (None, name)]
        for answer_id in stopped:
            self._stop(answer_id)
        return len(stopped)

    def _stop(self, answer_id: str) -> None:
        """End an answer. Who writes it down sees that in its parts, and says so in the file."""
        self._session.background(self._asking.stop(answer_id))

    @contextmanager
    def _held(self, sheet: Sheet) -> Iterator[None]:
        """Let nobody else answer in this file: until the block ends, or the answer that it begins.

        Raises BadRequest where somebody does, in whichever editor of this person.
        """
        if self._busy(sheet.uri):
            raise BadRequest("This file is still being answered", remedy="Wait, or cancel that")
        self._session.answering.add(sheet.uri)
        try:
            yield
        finally:
            if sheet.uri not in self._answers:
                self._session.answering.discard(sheet.uri)

    def _need_files(self) -> None:
        if self._session.answers is None or not self._session.identity.local:
            raise BadRequest(
                "Petra opens no answer file here",
                cause="This editor did not arrive over the machine's own socket",
                remedy="Ask by petra/ask, which a plugin does",
            )

    async def _begin(
        self,
        sheet: Sheet,
        number: int,
        answer_id: str,
        explained: tuple[str, str] | None = None,
        *,
        show: bool = False,
    ) -> dict[str, Any]:
        """Make a place for an answer, which goes on being written after the reply."""
        begun = _Begun(sheet, number, answer_id, explained)
        self._note(begun)
        try:
            await sheet.begin(number, answer_file.waiting(answer_id))
            if show:
                await sheet.show(focus=False)
        except asyncio.CancelledError:
            # The command was cancelled, and with it the answer; the file says so.
            begun.explained = None
            if self._session.ready:
                self._write(begun)
            await self._asking.stop(answer_id)
            raise
        self._write(begun)
        return {"uri": sheet.uri, "answer": answer_id}

    def _write(self, begun: _Begun) -> None:
        uri = begun.sheet.uri

        def ended(_: object) -> None:
            self._answers.pop(uri, None)
            self._session.answering.discard(uri)

        self._answers[uri] = begun.answer_id
        self._session.background(self._written(begun)).add_done_callback(ended)

    async def _written(self, begun: _Begun) -> None:
        """Write an answer into its file as it comes, until it ends by itself or is stopped."""
        sheet, number, answer_id = begun.sheet, begun.number, begun.answer_id
        progress = self._progress.unasked("Petra answers", lambda: self._stop(answer_id))
        try:
            async with progress as report:
                writing = Writing(sheet, number, self._places, report)
                answer = await self._asking.follow(answer_id, writing.take)
        except PetraError as error:
            await sheet.put(number, f"*{error}*\n", last=True)
        except ConnectionError:
            log.info("lsp_client_gone_while_answering")
            return
        else:
            if begun.explained and answer.finish_reason == "stop":
                self._explanations.add(self._session.identity.user_id, *begun.explained, answer.answer)
        begun.over = True

    def _note(self, begun: _Begun) -> None:
        """Remember an answer until the editor leaves."""
        if not self._begun:
            self._session.background(self._until_the_end())
        self._begun[begun.sheet.uri, begun.number] = begun
        if len(self._begun) > KEPT:
            del self._begun[next(iter(self._begun))]

    async def _until_the_end(self) -> None:
        """When the editor leaves, whether it has saved or not, let no file say that it waits."""
        try:
            await asyncio.Event().wait()
        finally:
            work = asyncio.create_task(self._leave())
            while not work.done():
                # `shutdown` cancels, and so does the end of the connection after it.
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([work])

    async def _leave(self) -> None:
        for begun in list(self._begun.values()):
            await self._mending.leave(begun.sheet, begun.number, begun.answer_id, over=begun.over)

    def _touched(self, uri: str, text: str) -> None:
        """An open file has an unfinished answer. It is nobody's where the server was killed, or where the
        editor took so long for an edit that the answer was over before."""
        if answer_file.MARK in text and not self._busy(_as_we_write_it(uri)):
            self._session.background(self._mend(uri))

    async def _mend(self, uri: str) -> None:
        sheet = Sheet(self._session, self._session.path(uri))
        if not self._busy(sheet.uri):
            with self._held(sheet):
                await self._mending.mend(sheet)

    def _busy(self, uri: str) -> bool:
        return any(uri in session.answering for session in (self._session, *self._session.peers()))

    def _about(self, params: AskParams) -> tuple[str, str | None]:
        """What a question is about: how a person calls it, and a link to it."""
        if params.text_document is None:
            return "", None
        uri = params.text_document.uri
        document = self._session.documents.get(uri)
        name = shown_path(self._session, (document and document.path) or uri)
        if params.range is None:
            return name, citations.to_lines(name, uri, None)
        start, end = params.range.start, params.range.end
        lines = (start.line + 1, end.line + (0 if end.character == 0 and end.line > start.line else 1))
        name = citations.reference(name, lines)
        return name, citations.to_lines(name, uri, lines)

    def _explained(self, params: AskParams) -> tuple[str, str] | None:
        """The document and the lines of it that are to be explained, if they are."""
        if params.mode != "explain" or params.text_document is None or params.range is None:
            return None
        document = self._session.documents.get(params.text_document.uri)
        if document is None or document.text is None:
            return None
        start, end = params.range.start, params.range.end
        text = document.text.between((start.line, start.character), (end.line, end.character))
        return document.uri, text

    def _with_subject(self, params: AskParams, above: str) -> AskParams:
        """The question with what the file says that it is about, as long as that is open."""
        for line in above.splitlines():
            for found in citations.links(line, "utf-32"):
                if self._session.documents.get(found.uri) is None:
                    continue
                first, last = found.lines
                range = Range(
                    start=Position(line=first - 1, character=0), end=Position(line=last, character=0)
                )
                whole = "#L" not in line
                return attrs.evolve(
                    params, text_document=Document(uri=found.uri), range=None if whole else range
                )
        return params


def _as_we_write_it(uri: str) -> str:
    """Editors do not all write a URI as we do."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    return (from_fs_path(path) if path else None) or uri
