"""The making of one answer: find passages, build the prompt, stream the model, check the sources."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import pairwise

import attrs

from petra import telemetry
from petra.assistant import policy
from petra.assistant import prompt as prompts
from petra.assistant.attribution import attribute, texts_to_embed
from petra.assistant.fitting import Fitting
from petra.assistant.models import Models
from petra.assistant.modes import TASKS
from petra.assistant.policy import Ruling
from petra.assistant.repetition import repeats_itself
from petra.assistant.retrieval import OpenDocument, Retrieval
from petra.assistant.stream import AnswerStream
from petra.assistant.subject import Subject
from petra.assistant.withhold import Withheld
from petra.errors import ModelUnavailable, PetraError
from petra.inference.client import ModelEndpoint
from petra.inference.replies import Delta, Finished, Queued
from petra.knowledge.search import Passage, Searcher
from petra.messages import (
    AskRequest,
    FinishReason,
    Source,
    SourcePart,
    Status,
    Text,
    Usage,
)
from petra.storage import conversations
from petra.storage.collections import Collection
from petra.storage.database import Database

log = telemetry.logger(__name__)

NOTHING_FOUND = "I found nothing about this in your files."
NOTHING_INDEXED = NOTHING_FOUND + " Nothing is indexed yet: add files first."


@dataclass(frozen=True)
class Limits:
    """What one answer may cost. Tokens are the chat model's; seconds are wall clock."""

    passages: int
    relevance: float
    answer_tokens: int
    answer_seconds: float
    first_token_seconds: float
    grace_seconds: float = 10.0


@dataclass(frozen=True)
class Parts:
    """What an answer is made with."""

    db: Database
    searcher: Searcher
    models: Models
    limits: Limits


@dataclass(frozen=True)
class Asking:
    """A question that was looked at and allowed: by whom, within which collections, about what, with what
    open, and how much may be said. `local` says that open documents are files of this machine."""

    user_id: str
    local: bool
    request: AskRequest
    scope: Sequence[Collection]
    open_documents: Sequence[OpenDocument]
    subject: Subject | None
    ruling: Ruling

    @property
    def question(self) -> str:
        """The question, or what the mode asks when nothing was typed."""
        return self.request.question.strip() or TASKS[self.request.mode].question


class Answering:
    """One answer while it is made. `text`, `sources`, `passages` and `usage` are what is known so far,
    and stay valid when `make` fails or is cancelled."""

    def __init__(
        self,
        parts: Parts,
        asking: Asking,
        question: conversations.Message,
        answer: conversations.Message,
        stream: AnswerStream,
    ) -> None:
        self.asking = asking
        self.request = asking.request
        self.question = question
        self.answer = answer
        self.stream = stream
        self.ended = False
        self.text = ""
        self.usage: Usage | None = None
        self.passages: list[Passage] = []
        self.sources: list[Source] = []
        self._db = parts.db
        self._searcher = parts.searcher
        self._models = parts.models
        self._limits = parts.limits
        self._withheld = Withheld() if asking.ruling.level in policy.RULES else None
        self._answer_tokens = min(
            asking.request.max_tokens or parts.limits.answer_tokens, parts.limits.answer_tokens
        )

    async def make(self) -> FinishReason:
        """Everything from the search to the checked sources.

        Raises ModelUnavailable when the model is not there or ends in the middle, TooLarge when the
        question alone does not fit its context.
        """
        started = time.perf_counter()
        stream = self.stream
        stream.put(Status("retrieving", "Looking through your files"))
        turns, last_question = await self._turns()
        candidates = await self._retrieve(last_question)
        if not candidates and not self.asking.subject:
            self._say(NOTHING_FOUND if self.asking.scope else NOTHING_INDEXED)
            return "nothing_found"

        endpoint = await self._models.use(self.request.model, self._waiting)
        built = await self._prompt(endpoint, candidates, turns)
        async with self._db.write() as conn:
            await conversations.set_prompt(conn, self.question.id, built.question)
        self._show(built.passages)
        if built.turns_left_out:
            stream.put(
                Status(
                    "reading",
                    f"The conversation is longer than the model can read: "
                    f"its oldest part was left out ({built.turns_left_out} of its answers)",
                )
            )
        count = len(built.passages)
        stream.put(Status("reading", f"Reading {count} passage{'s' * (count != 1)}"))
        reason = await self._generate(endpoint, built, started)
        await self._check_sources()
        return reason

    async def _turns(self) -> tuple[list[prompts.Turn], str | None]:
        """Earlier turns that have an answer, oldest first, and the question before this one."""
        async with self._db.read() as conn:
            history = await conversations.history(conn, self.question.id)
        turns: list[prompts.Turn] = []
        last_question = None
        for asked, answered in pairwise(history):
            if asked.role == "user" and answered.role == "assistant":
                last_question = asked.content
                if asked.prompt and answered.content:
                    turns.append(prompts.Turn(asked.prompt, answered.content))
        return turns, last_question

    async def _retrieve(self, last_question: str | None) -> list[Passage]:
        """Relevant passages, best first."""
        asking, limits = self.asking, self._limits
        retrieval = Retrieval(
            self._db,
            self._searcher,
            self.request,
            asking.scope,
            asking.open_documents,
            local=asking.local,
        )
        found = await retrieval.find(last_question, self.request.top_k or limits.passages, limits.relevance)
        for name in found.unknown:
            self.stream.put(Status("retrieving", f"Nothing here is called {name[:80]}"))
        return found.passages

    async def _prompt(
        self, endpoint: ModelEndpoint, candidates: list[Passage], turns: list[prompts.Turn]
    ) -> prompts.Prompt:
        asking = self.asking
        fitting = Fitting(
            endpoint,
            answer_tokens=self._answer_tokens,
            first_token_seconds=self._limits.first_token_seconds,
        )
        system = policy.system(self.request.mode, asking.ruling)
        built = await fitting.prompt(system, asking.question, asking.subject, candidates, turns)
        if built.subject and built.subject.whole and built.subject.lines:
            first, last = built.subject.lines
            self.stream.put(Status("reading", f"Only lines {first} to {last} of the file fit; select a part"))
        return built

    async def _generate(
        self,
        endpoint: ModelEndpoint,
        built: prompts.Prompt,
        started: float,
    ) -> FinishReason:
        """Stream the model's text. Raises ModelUnavailable when the model ends in the middle."""
        first: float | None = None
        events = endpoint.chat(
            built.messages,
            max_tokens=self._answer_tokens,
            temperature=self.request.temperature or 0.0,
            stop=prompts.STOP,
            user=self.asking.user_id,
            # The system prompt: the same for everybody, and nothing of anybody's.
            public_messages=1,
        )
        async with aclosing(events):
            async for event in events:
                match event:
                    case Queued(position, estimate_s):
                        self._waiting(_ahead(position, estimate_s), position, estimate_s)
                    case Delta(text):
                        if first is None:
                            first = time.perf_counter() - started
                            telemetry.first_token_seconds.observe(first)
                            self.stream.put(Status("writing", "Writing"))
                        self._say(self._withheld.feed(text) if self._withheld else text)
                        if repeats_itself(self.text):
                            self.stream.put(Status("writing", "The model repeats itself and was stopped"))
                            self.usage = await self._counted(endpoint, built, first, started)
                            return "stop"
                    case Finished(reason, prompt_tokens, completion_tokens):
                        self._say(self._withheld.end() if self._withheld else "")
                        self.usage = self._cost(endpoint, prompt_tokens, completion_tokens, first, started)
                        return "length" if reason == "length" else "stop"
        raise ModelUnavailable(
            "The model stopped in the middle of the answer",
            cause="Its stream ended without an end mark",
            remedy="Ask again; the text so far is kept",
        )

    async def _counted(
        self, endpoint: ModelEndpoint, built: prompts.Prompt, first: float, started: float
    ) -> Usage:
        """The cost of an answer that was ended here, so that the model did not tell it."""
        texts = [message.content for message in built.messages]
        *read, written = await endpoint.count_tokens([*texts, self.text])
        return self._cost(endpoint, sum(read) + prompts.TEMPLATE_TOKENS * len(read), written, first, started)

    def _cost(
        self,
        endpoint: ModelEndpoint,
        prompt_tokens: int,
        completion_tokens: int,
        first: float | None,
        started: float,
    ) -> Usage:
        return Usage(
            model=endpoint.model or "",
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            ttft_ms=None if first is None else round(first * 1000, 1),
            total_ms=round((time.perf_counter() - started) * 1000, 1),
        )

    async def _check_sources(self) -> None:
        """Compare the answer with its passages and send the sources whose kind has changed."""
        if not self.passages:
            return
        question = self.asking.question
        texts = texts_to_embed(self.text, self.passages, question=question)
        try:
            vectors = dict(zip(texts, await self._searcher.embed(texts), strict=True)) if texts else None
        except PetraError as error:
            log.warning("attribution_without_embeddings", code=error.code)
            vectors = None
        judgements = await asyncio.to_thread(
            attribute, self.text, self.passages, vectors=vectors, question=question
        )
        for judgement in judgements:
            if judgement.kind != "retrieved":
                source = attrs.evolve(
                    self.sources[judgement.n - 1],
                    kind=judgement.kind,
                    quote=judgement.quote,
                    score=round(judgement.score, 4),
                )
                self.sources[judgement.n - 1] = source
                self.stream.put(SourcePart(source))

    def _waiting(self, why: str, position: int | None = None, estimate_s: float | None = None) -> None:
        self.stream.put(Status("queued", f"Waiting for the model: {why}", position, estimate_s))

    def _say(self, text: str) -> None:
        if text:
            self.text += text
            self.stream.put(Text(text))

    def _show(self, passages: list[Passage]) -> None:
        """Send the passages of the prompt as sources that are merely retrieved."""
        self.passages = passages
        self.sources = [
            Source(
                n=n,
                kind="retrieved",
                document_id=passage.document_id,
                document=passage.document,
                path=passage.path,
                header=passage.header or None,
                quote=passage.text.strip()[:300],
                score=round(passage.score, 4),
                pages=passage.pages,
                lines=passage.lines,
                unit=passage.unit if passage.pages else None,
            )
            for n, passage in enumerate(passages, 1)
        ]
        for source in self.sources:
            self.stream.put(SourcePart(source))


def _ahead(position: int, estimate_s: float | None) -> str:
    place = f"{position} before you" if position else "you are next"
    return place if estimate_s is None else f"{place}, about {max(math.ceil(estimate_s), 1)} s"
