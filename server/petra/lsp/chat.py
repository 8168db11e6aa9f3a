"""Answers in answer files: a chat in any editor, without a plugin."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import attrs
from pygls.uris import from_fs_path, to_fs_path

from petra import telemetry
from petra.assistant.modes import TASKS
from petra.errors import BadRequest, PetraError
from petra.lsp import answer_file, citations
from petra.lsp.ask import Asking, AskParams
from petra.lsp.explanations import Explanations
from petra.lsp.params import Document, Position, Range
from petra.lsp.places import Places
from petra.lsp.progress import Running
from petra.lsp.scope import shown_path
from petra.lsp.sheet import Sheet, create
from petra.messages import SourcePart, Status, StreamItem

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

PAUSE = 0.15
"""Seconds between two edits of a file into which an answer is written."""


class Chats:
    """The answers that are being written into files of one session."""

    def __init__(
        self, session: Session, asking: Asking, places: Places, running: Running, explanations: Explanations
    ) -> None:
        self._session = session
        self._asking = asking
        self._places = places
        self._progress = running
        self._explanations = explanations
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beginning: set[str] = set()

    async def start(self, params: AskParams) -> dict[str, Any]:
        """Answer a question in a new file; the reply comes when the answer has begun."""
        self._need_files()
        answer_id = await self._asking.begin(params)
        question = params.question.strip() or TASKS[params.mode].question
        about = self._about(params)
        title = question if params.mode == "ask" else f"{params.mode.capitalize()} {about[0]}".strip()
        sheet = await create(self._session, answer_file.new(title, question, about[1]), title)
        await sheet.begin(1, WAITING)
        await sheet.show(focus=False)
        return self._write(sheet, 1, answer_id, self._explained(params))

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
        if sheet.uri in self._tasks or sheet.uri in self._beginning:
            raise BadRequest("This file is still being answered", remedy="Wait, or cancel that")
        self._beginning.add(sheet.uri)
        try:
            return await self._go_on(sheet)
        finally:
            self._beginning.discard(sheet.uri)

    async def _go_on(self, sheet: Sheet) -> dict[str, Any]:
        text = await sheet.text()
        asked = answer_file.asked(text)
        if not asked.question:
            raise BadRequest("There is no question", cause="Nothing stands under the last ## Ask")
        params = AskParams(question=asked.question, conversation_id=asked.conversation_id)
        if asked.conversation_id is None:
            params = self._with_subject(params, asked.about)
        answer_id = await self._asking.begin(params)
        number = answer_file.next_number(text)
        await sheet.begin(number, WAITING)
        return self._write(sheet, number, answer_id)

    def cancel(self, uri: str | None) -> int:
        """Stop the answer in a file, or all; return how many that were."""
        wanted = None if uri is None else _as_we_write_it(uri)
        tasks = [task for name, task in self._tasks.items() if wanted in (None, name)]
        for task in tasks:
            task.cancel()
        return len(tasks)

    def _need_files(self) -> None:
        if self._session.answers is None or not self._session.identity.local:
            raise BadRequest(
                "Petra opens no answer file here",
                cause="This editor did not arrive over the machine's own socket",
                remedy="Ask by petra/ask, which a plugin does",
            )

    def _write(
        self, sheet: Sheet, number: int, answer_id: str, explained: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        task = self._session.background(self._written(sheet, number, answer_id, explained))
        self._tasks[sheet.uri] = task
        task.add_done_callback(lambda _: self._tasks.pop(sheet.uri, None))
        return {"uri": sheet.uri, "answer": answer_id}

    async def _written(
        self, sheet: Sheet, number: int, answer_id: str, explained: tuple[str, str] | None
    ) -> None:
        """Write an answer into its file as it comes. A cancel stops the answer, and the file says so."""
        try:
            token = await self._progress.new_token()
            with self._progress.shown(token, "Petra answers") as report:
                writing = _Writing(sheet, number, self._places, report)
                try:
                    answer = await self._asking.follow(answer_id, writing.take)
                    if explained and answer.finish_reason == "stop":
                        user = self._session.identity.user_id
                        self._explanations.add(user, *explained, answer.answer)
                except asyncio.CancelledError:
                    task = asyncio.current_task()
                    if task is None or not self._session.ready:
                        raise
                    task.uncancel()
                    await self._asking.follow(answer_id, writing.take)
        except PetraError as error:
            await sheet.put(number, f"*{error}*\n", last=True)
        except ConnectionError:
            log.info("lsp_client_gone_while_answering")

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


WAITING = "*Waiting…*\n"


class _Writing:
    """The parts of one answer, on their way into its file."""

    def __init__(self, sheet: Sheet, number: int, places: Places, report: Any) -> None:
        self._sheet = sheet
        self._number = number
        self._places = places
        self._report = report
        self._items: dict[int, StreamItem] = {}
        self._locations: dict[int, dict[str, Any]] = {}
        self._written = time.monotonic()

    async def take(self, item: StreamItem) -> None:
        """Add a part; the file is brought up to date a few times a second."""
        self._items[item.seq] = item
        if isinstance(item.part, SourcePart):
            self._locations[item.part.source.n] = await self._places.location(item.part.source)
        self._report(item.part.message if isinstance(item.part, Status) else "Writing", None)
        last = item.part.kind == "done"
        if last or time.monotonic() - self._written >= PAUSE:
            body = answer_file.body(list(self._items.values()), self._locations)
            await self._sheet.put(self._number, body, last=last)
            self._written = time.monotonic()
