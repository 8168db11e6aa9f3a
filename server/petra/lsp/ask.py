"""`petra/ask` and `petra/resume`: an answer's parts as they come, and the whole of it as the result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from petra import telemetry
from petra.access import Identity
from petra.assistant.modes import TASKS
from petra.assistant.retrieval import OpenDocument
from petra.errors import BadRequest, NotAllowed, PetraError
from petra.lsp.feature import Method
from petra.lsp.params import Document, Range
from petra.lsp.places import Places
from petra.lsp.progress import Report, Running
from petra.lsp.scope import Collections, Scope, shown_path, within
from petra.messages import (
    Answer,
    AskRequest,
    Mode,
    SourcePart,
    Status,
    StreamItem,
    Text,
    Token,
    collect,
    to_wire,
)

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

STREAM = "petra/stream"
ID_LIMIT = 64
REMEMBERED = 64
"""Streams of a session whose answers are known by the name that the client gave."""


class Asks(Protocol):
    """Who answers questions: `petra.assistant.Assistant`, wired by `app/`."""

    async def start(
        self, identity: Identity, request: AskRequest, open_documents: Sequence[OpenDocument] = ()
    ) -> str:
        """Begin an answer and return its id."""

    def follow(
        self, identity: Identity, answer_id: str, after_seq: int = -1
    ) -> AsyncGenerator[StreamItem, None]:
        """The parts of an answer as they are committed, `done` last."""

    async def cancel(self, identity: Identity, answer_id: str) -> None:
        """Stop an answer, down to the model."""


@attrs.frozen(kw_only=True)
class AskParams:
    """A question from an editor. What is not given is as the person has set it in the editor.

    `text_document` and `range` name what it is about: what is open there is quoted. `selection` and
    `file_path` say the same for a client that keeps no documents open. `id` names the stream.
    """

    question: str = ""
    id: str | None = None
    conversation_id: str | None = None
    text_document: Document | None = None
    range: Range | None = None
    selection: str | None = None
    file_path: str | None = None
    scope: Scope | None = None
    collections: tuple[str, ...] | None = None
    path: str | None = None
    mentions: tuple[str, ...] | None = None
    mode: Mode = "ask"
    model: str | None = None
    temperature: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


@attrs.frozen(kw_only=True)
class ResumeParams:
    """Go on with an answer after `seq`, the last part that was seen (-1: none). `id` is the answer's, or
    in the same session the name of its stream."""

    id: str
    seq: int = -1
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


@attrs.frozen
class _Stream:
    """An answer that is sent: under which name, to which token, and how far it is."""

    name: str
    answer_id: str
    partial: Token | None
    report: Report


class Asking:
    """Questions of one session."""

    def __init__(
        self, session: Session, asks: Asks, known: Collections, places: Places, running: Running
    ) -> None:
        self._session = session
        self._asks = asks
        self._known = known
        self._places = places
        self._progress = running
        self._streams: set[str] = set()
        self._answers: dict[str, str] = {}

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (
            Method("petra/ask", "ask", self.ask, AskParams),
            Method("petra/resume", "read_answer", self.resume, ResumeParams),
        )

    async def ask(self, params: AskParams) -> dict[str, Any]:
        """Answer a question. Cancelling this cancels the answer."""
        name = params.id
        if name is not None and not 0 < len(name) <= ID_LIMIT:
            raise BadRequest(f"The id of a stream has to be a string of 1 to {ID_LIMIT} characters")
        if name in self._streams:
            raise BadRequest("A stream with this id is still running", remedy="Choose another id")
        self._streams |= {name} if name else set()
        try:
            with self._progress.shown(params.work_done_token, "Petra answers") as report:
                answer_id = await self.begin(params)
                if name:
                    self._remember(name, answer_id)
                stream = _Stream(name or answer_id, answer_id, params.partial_result_token, report)
                return await self._follow(stream, -1)
        finally:
            self._streams.discard(name or "")

    async def resume(self, params: ResumeParams) -> dict[str, Any]:
        """The parts after `seq`, from the record or as they are written, and the whole answer."""
        answer_id = self._answers.get(params.id, params.id)
        with self._progress.shown(params.work_done_token, "Petra answers") as report:
            stream = _Stream(params.id, answer_id, params.partial_result_token, report)
            return await self._follow(stream, max(params.seq, -1))

    async def begin(self, params: AskParams) -> str:
        """Begin an answer, which somebody has to `follow`, and return its id."""
        request, open_documents = await self.request(params)
        return await self._asks.start(self._session.identity, request, open_documents)

    async def stop(self, answer_id: str) -> None:
        """Cancel an answer; one that has ended stays as it is."""
        with suppress(PetraError):
            await self._asks.cancel(self._session.identity, answer_id)

    async def follow(self, answer_id: str, each: Callable[[StreamItem], Awaitable[None]]) -> Answer:
        """Give every part to `each`, and return the whole. Cancelling this cancels the answer."""
        session, started = self._session, time.perf_counter()
        items: list[StreamItem] = []
        try:
            async with aclosing(self._asks.follow(session.identity, answer_id)) as parts:
                async for item in parts:
                    items.append(item)
                    await each(item)
        except (asyncio.CancelledError, ConnectionError):
            # Who came over a network may come back for the rest (`petra/resume`) before the assistant's
            # grace ends; on this machine, a connection that is gone was closed.
            if session.identity.local or session.connected:
                await self.stop(answer_id)
            raise
        answer = collect(items)
        log.info(
            "lsp_answered",
            answer=answer_id,
            finish_reason=answer.finish_reason,
            seconds=round(time.perf_counter() - started, 3),
        )
        return answer

    async def request(self, params: AskParams) -> tuple[AskRequest, list[OpenDocument]]:
        """The question with what is open, as the assistant takes it."""
        if not params.question.strip() and not TASKS[params.mode].question:
            raise BadRequest("The question is empty", remedy="Type a question")
        session, wishes = self._session, self._session.preferences
        around = await within(session, self._known, params.scope)
        mentions = (*(params.mentions or ()), *((params.scope and params.scope.mentions) or ()))
        asked = AskRequest(
            question=params.question,
            conversation_id=params.conversation_id,
            collections=around.collections if params.collections is None else params.collections,
            path=params.path,
            mentions=mentions or None,
            selection=params.selection,
            file_path=params.file_path,
            mode=params.mode,
            model=wishes.model if params.model is None else params.model,
            temperature=wishes.temperature if params.temperature is None else params.temperature,
            top_k=wishes.top_k if params.top_k is None else params.top_k,
            max_tokens=wishes.max_tokens if params.max_tokens is None else params.max_tokens,
        )
        if params.text_document:
            asked = self._about(asked, params.text_document.uri, params.range)
            await self._refuse_withheld(params.text_document.uri)
        return asked, around.open_documents

    async def _refuse_withheld(self, uri: str) -> None:
        """Raise NotAllowed for a document that `.petraignore` keeps from Petra."""
        document = self._session.documents.get(uri)
        path = document.path if document else None
        if path and (reason := await self._known.withheld(self._session.identity, path)):
            raise NotAllowed(
                f"Petra takes no part of {PurePath(path).name}",
                cause=f"It is left out: {reason}",
                remedy="Ask about another document, or change .petraignore",
            )

    def _about(self, asked: AskRequest, uri: str, range: Range | None) -> AskRequest:
        """The question with the document it is about: the range, or all of it around the cursor."""
        document = self._session.documents.get(uri)
        if document is None or document.text is None:
            if asked.selection:
                return asked
            raise BadRequest(
                "The document that is asked about is not open",
                cause="Petra sees what the editor has sent, and opens no file by itself",
                remedy="Open it, or send its text as `selection`",
            )
        asked = attrs.evolve(asked, file_path=shown_path(self._session, document.path or uri))
        if asked.selection:
            return asked
        if range is None:
            return attrs.evolve(asked, document=str(document.text))
        first, last = sorted((place.line, place.character) for place in (range.start, range.end))
        marked = document.text.between(first, last)
        if not marked.strip():
            lines = (max(first[0], 0) + 1,) * 2
            return attrs.evolve(asked, document=str(document.text), lines=lines)
        end = last[0] if last[1] == 0 and last[0] > first[0] else last[0] + 1
        return attrs.evolve(asked, selection=marked, lines=(max(first[0], 0) + 1, max(end, 1)))

    async def _follow(self, stream: _Stream, after_seq: int) -> dict[str, Any]:
        """Send the parts and collect all of them, those before `after_seq` too."""

        async def each(item: StreamItem) -> None:
            if item.seq > after_seq:
                await self._send(stream, item)

        answer = await self.follow(stream.answer_id, each)
        sources = [await self._places.with_location(source) for source in answer.sources]
        return to_wire(answer) | {"sources": sources}

    async def _send(self, stream: _Stream, item: StreamItem) -> None:
        """One part: as `petra/stream`, or as a partial result where the client asked for that."""
        if isinstance(item.part, Status):
            stream.report(item.part.message, None)
        elif isinstance(item.part, Text):
            stream.report("Writing", None)
        sent = to_wire(item) | {"id": stream.name, "answer": stream.answer_id}
        if isinstance(item.part, SourcePart):
            sent["part"]["source"] = await self._places.with_location(item.part.source)
        if stream.partial is None:
            self._session.notify(STREAM, sent)
        else:
            self._progress.partial(stream.partial, sent)
        await self._session.drained()

    def _remember(self, name: str, answer_id: str) -> None:
        self._answers.pop(name, None)
        self._answers[name] = answer_id
        while len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
