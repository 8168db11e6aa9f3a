"""The ask flow: find passages, ask the model, check the sources, keep a record.

`start` answers in a task of its own, so that a browser that reloads finds its answer again; `follow`
shows the parts; an answer that nobody follows any more is cancelled after a short grace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from petra import telemetry
from petra.access.authorize import authorize
from petra.access.identity import Identity
from petra.assistant import subject
from petra.assistant.answering import Answering, Asking, Limits, Parts
from petra.assistant.models import Models
from petra.assistant.modes import TASKS
from petra.assistant.policy import Asked, Deed, Permissive, Policy, Ruling, enforce
from petra.assistant.retrieval import OpenDocument
from petra.assistant.scope import readable
from petra.assistant.stream import AnswerStream
from petra.errors import BadRequest, ModelUnavailable, NotFound, PetraError, TooLarge
from petra.inference.client import ModelEndpoint
from petra.inference.supervisor import Waiting
from petra.knowledge.search import Searcher
from petra.messages import (
    Answer,
    AskRequest,
    Done,
    ErrorPart,
    FinishReason,
    StreamItem,
    UsagePart,
    collect,
    error_to_wire,
    part_from_wire,
    to_wire,
)
from petra.storage import conversations
from petra.storage.database import Database

log = telemetry.logger(__name__)

QUESTION_LIMIT = 20_000
"""Characters of a question or selection; longer ones are refused before anything is computed."""

MOST_PASSAGES = 100
"""Passages that may be looked at for one answer."""

HOTTEST = 2
"""The highest temperature of OpenAI's API; above it, text is noise."""


@dataclass
class _Running:
    """An answer in the making; `reason` is how it ends if it is stopped."""

    user_id: str
    making: Answering
    reason: FinishReason
    task: asyncio.Task[None]


class Assistant:
    """Answers questions; one instance per server."""

    def __init__(
        self,
        db: Database,
        searcher: Searcher,
        chat: Callable[[Waiting], Awaitable[ModelEndpoint]],
        limits: Limits,
        policy: Policy | None = None,
    ) -> None:
        self._db = db
        self._limits = limits
        self._policy = policy or Permissive()
        self.models = Models(chat)
        self._parts = Parts(db, searcher, self.models, limits)
        self._running: dict[str, _Running] = {}

    @property
    def active(self) -> int:
        """Answers being made right now."""
        return len(self._running)

    async def start(
        self, identity: Identity, request: AskRequest, open_documents: Sequence[OpenDocument] = ()
    ) -> str:
        """Begin an answer and return the id of its message.

        Raises BadRequest for an empty question or senseless limits, TooLarge for an endless question,
        NotFound for a conversation or collection that this person does not have, NotAllowed for what
        holds secrets and for what the teaching policy does not allow.
        """
        asking = await self._asking(identity, request, open_documents)
        async with self._db.write() as conn:
            if request.conversation_id:
                conversation = await conversations.get(conn, request.conversation_id)
                if conversation is None:
                    raise NotFound("There is no such conversation", remedy="Start a new one")
                authorize(identity, "read_conversation", conversation)
            else:
                title = " ".join(asking.question.split())[:80]
                conversation = await conversations.create(conn, identity.user_id, title)
            leaf = await conversations.latest(conn, conversation.id)
            question = await conversations.add_message(
                conn,
                conversation.id,
                "user",
                request.question if request.question.strip() else asking.question,
                parent_id=leaf.id if leaf else None,
            )
            answer = await conversations.add_message(
                conn, conversation.id, "assistant", "", parent_id=question.id, state="streaming"
            )
        stream = AnswerStream(
            self._db,
            answer.id,
            grace=self._limits.grace_seconds,
            abandoned=lambda: self._stop(answer.id),
        )
        making = Answering(self._parts, asking, question, answer, stream)
        task = asyncio.create_task(self._run(making), name=f"answer-{answer.id}")
        self._running[answer.id] = _Running(identity.user_id, making, "cancelled", task)
        # A task that is cancelled before its first step never runs, and would leave its record open.
        await asyncio.sleep(0)
        return answer.id

    async def _asking(
        self, identity: Identity, request: AskRequest, open_documents: Sequence[OpenDocument]
    ) -> Asking:
        """The question, once it is known to be one that may be answered."""
        _check(request)
        scope = await readable(self._db, identity, request.collections)
        names = [item.name for item in scope]
        ruling = await self.allowed(identity, request.mode, names, request.file_path or request.path)
        # A large document takes a while to be looked through for secrets.
        about = await asyncio.to_thread(subject.subject_of, request)
        return Asking(identity.user_id, identity.local, request, scope, open_documents, about, ruling)

    async def allowed(
        self, identity: Identity, deed: Deed, collections: Sequence[str], path: str | None
    ) -> Ruling:
        """What the teaching policy allows of `deed` now, for whoever does something without a question
        too. Raises NotAllowed for what it does not allow at all."""
        ruling = await self._policy.rule(Asked(identity, deed, collections, path, time.time()))
        enforce(ruling, deed)
        return ruling

    async def follow(
        self, identity: Identity, answer_id: str, after_seq: int = -1
    ) -> AsyncGenerator[StreamItem]:
        """The parts after `after_seq`, as they are committed, up to and including `done`.

        Raises NotFound for an answer that is not this person's.
        """
        running = self._running.get(answer_id)
        if running is None:
            for item in await self._recorded(identity, answer_id, after_seq):
                yield item
            return
        authorize(identity, "read_answer", running)
        async with aclosing(running.making.stream.follow(after_seq)) as items:
            async for item in items:
                yield item

    async def cancel(self, identity: Identity, answer_id: str) -> None:
        """Stop an answer; its text so far is kept. One that has ended already stays as it is."""
        running = self._running.get(answer_id)
        if running is None:
            await self._recorded(identity, answer_id, -1)
            return
        authorize(identity, "cancel_answer", running)
        self._stop(answer_id)
        await asyncio.wait([running.task])

    async def ask(self, identity: Identity, request: AskRequest) -> Answer:
        """The whole answer at once. Cancelling this call cancels the answer."""
        answer_id = await self.start(identity, request)
        items: list[StreamItem] = []
        try:
            async with aclosing(self.follow(identity, answer_id)) as parts:
                async for item in parts:
                    items.append(item)
        except asyncio.CancelledError:
            with suppress(PetraError):
                await self.cancel(identity, answer_id)
            raise
        return collect(items)

    async def close(self) -> None:
        """Stop every answer, keeping its text so far."""
        tasks = [running.task for running in self._running.values()]
        for answer_id, running in list(self._running.items()):
            running.reason = "interrupted"
            self._stop(answer_id)
        if tasks:
            await asyncio.wait(tasks)
        await self.models.close()

    def _stop(self, answer_id: str) -> None:
        """Cancel the making of an answer, once, and never the recording of it."""
        running = self._running.get(answer_id)
        if running and not running.making.ended and not running.task.cancelling():
            running.task.cancel()

    async def _recorded(self, identity: Identity, answer_id: str, after_seq: int) -> list[StreamItem]:
        async with self._db.read() as conn:
            message = await conversations.get_message(conn, answer_id)
            conversation = await conversations.get(conn, message.conversation_id) if message else None
            if conversation is None:
                raise NotFound("There is no such answer", remedy="Ask the question again")
            authorize(identity, "read_answer", conversation)
            rows = await conversations.parts_after(conn, answer_id, after_seq)
        return [StreamItem(answer_id, seq, part_from_wire(payload)) for seq, _, payload in rows]

    async def _run(self, making: Answering) -> None:
        """Make the answer. Whatever happens, the record is closed and `done` is sent."""
        answer, stream = making.answer, making.stream
        writer = asyncio.create_task(stream.write(), name=f"write-{answer.id}")
        reason: FinishReason = "error"
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                reason = await making.make()
        except asyncio.CancelledError:
            reason = self._running[answer.id].reason
        except TimeoutError:
            reason = "interrupted"
            stream.put(_error_part(_late(self._limits.answer_seconds)))
        except PetraError as error:
            reason = "interrupted" if making.text else "error"
            stream.put(_error_part(error))
        except Exception:
            log.exception("answer_failed", answer=answer.id)
            reason = "interrupted" if making.text else "error"
            stream.put(_error_part(_unexpected(answer.id)))
        making.ended = True
        try:
            await self._close(making, reason, writer)
        except Exception:
            log.exception("answer_not_recorded", answer=answer.id)
            await stream.fail()
        finally:
            writer.cancel()
            self._running.pop(answer.id, None)
            telemetry.answers_total.labels(reason).inc()

    async def _close(self, making: Answering, reason: FinishReason, writer: asyncio.Task[None]) -> None:
        """Record how the answer ended, then tell those who follow."""
        states: dict[FinishReason, conversations.MessageState] = {
            "cancelled": "cancelled",
            "interrupted": "interrupted",
            "error": "failed",
        }
        if making.usage:
            making.stream.put(UsagePart(making.usage))
        async with self._db.write() as conn:
            await conversations.finish_message(
                conn, making.answer.id, making.text, states.get(reason, "complete")
            )
            await conversations.set_sources(
                conn,
                making.answer.id,
                [
                    to_wire(source) | {"chunk_id": passage.chunk_id or None}
                    for source, passage in zip(making.sources, making.passages, strict=True)
                ],
            )
            if making.usage:
                await conversations.set_usage(conn, making.answer.id, to_wire(making.usage))
        making.stream.put(
            Done(
                conversation_id=making.answer.conversation_id,
                message_id=making.answer.id,
                finish_reason=reason,
            )
        )
        await writer


def _error_part(error: PetraError) -> ErrorPart:
    return ErrorPart(error_to_wire(error))


def _late(seconds: float) -> PetraError:
    return ModelUnavailable(
        "The answer took too long and was stopped",
        cause=f"It was not complete after {seconds:.0f} s",
        remedy="Ask a shorter question, or raise ANSWER_TIMEOUT",
    )


def _unexpected(answer_id: str) -> PetraError:
    return PetraError(
        "Petra failed while answering",
        cause=f"An unexpected error; the log has it under answer {answer_id}",
        remedy="Ask again",
    )


def _check(request: AskRequest) -> None:
    """Refuse what cannot be answered before anything is computed or recorded."""
    default = TASKS[request.mode].question
    if not request.question.strip() and not (default and (request.selection or request.document)):
        raise BadRequest("The question is empty", remedy="Type a question")
    if len(request.question) > QUESTION_LIMIT:
        raise TooLarge(
            f"The question is longer than {QUESTION_LIMIT} characters",
            remedy="Add long material as a file and ask about it",
        )
    subject.check(request, QUESTION_LIMIT)
    if request.top_k is not None and not 1 <= request.top_k <= MOST_PASSAGES:
        raise BadRequest(f"top_k is not between 1 and {MOST_PASSAGES}", remedy="Leave it out")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise BadRequest("max_tokens is less than 1", remedy="Leave it out, or give 1 or more")
    if request.temperature is not None and not 0 <= request.temperature <= HOTTEST:
        raise BadRequest(f"temperature is not between 0 and {HOTTEST}", remedy="Leave it out for 0")
