"""The chat engine: one model, many answers at once.

The batcher and the model belong to one thread. The event loop tokenises on a second one, queues, and
gets the events of each step in one call. A cancel is seen between two steps, and interrupts the step
under way when nobody else takes part in it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from petra.errors import BadRequest, Busy, ModelUnavailable, PetraError, TooLarge
from petra.inference.worker.batcher import Batcher, Options, Work, unforeseen
from petra.inference.worker.calibrate import Calibration, calibrate
from petra.inference.worker.engine import Ended, Event, Generation, Sampling, Waiting
from petra.inference.worker.idle import IdleCores
from petra.inference.worker.llamacpp.context import ContextOptions, LlamaContext
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.options import EngineOptions
from petra.inference.worker.template import CHATML, TRANSCRIPT, ChatTemplate, Prompt
from petra.inference.worker.ticket import Answer, Ticket, Vocabulary

# Room that an answer without max_tokens is certain to have; it gets more where there is more.
RESERVE, MOST_RESERVED = 512, 1024
# Sequences beyond those of the answers: pinned beginnings, and histories that wait in the cache.
SPARE_SEQUENCES, SPARE_IN_PARTS = 12, 2
# Characters that no token exceeds on average: longer texts are refused before they are tokenised.
LONGEST_TOKEN = 64
# What is longer, in characters, or has a grammar, is prepared beside the others and not before them.
SHORT = 20_000
TEXT = 100  # characters that take as long as a text without any
WATCH_SECONDS = 0.2
TELL_SECONDS = 0.25  # between two reports of the place in the queue
WEIGHT = 0.2
T = TypeVar("T")


class LlamaEngine:
    """`ChatEngine` over one model. Use `load`."""

    def __init__(
        self,
        name: str,
        model: LlamaModel,
        context: LlamaContext,
        options: EngineOptions,
        calibration: Calibration,
        metrics: WorkerMetrics,
    ) -> None:
        self.name = name
        self.context = context.context
        self.infill = model.fim is not None
        self.adapters = tuple(options.adapters)
        self._model = model
        self._decoder = context
        self._limits = options.limits
        self._degraded = None if options.extra_bufts else "Weights are not repacked for this CPU"
        self._calibration = calibration
        self._metrics = metrics
        self._template = _template(model)
        self._vocabulary = Vocabulary(model.piece, model.ends)
        self._batcher = Batcher(
            context,
            Options(
                places=options.limits.places,
                per_person=options.limits.per_person,
                step_seconds=options.step_seconds,
                park_bytes=options.park_bytes,
                threads=calibration.threads,
                reading_rate=max(calibration.prefill_rate, 1.0),
            ),
            stepped=self._stepped,
            idle_cores=IdleCores(),
        )
        self._inbox: queue.SimpleQueue[list[Work] | None] = queue.SimpleQueue()
        self._open: set[Ticket] = set()  # the event loop's
        self._serving: set[Ticket] = set()  # the generating thread's
        self._written: dict[Ticket, int] = {}
        self._told = 0.0
        self._preparing = 0
        self._preparing_for: Counter[str | None] = Counter()
        self._cells_used = 0
        self._served = 0
        self._progress = time.monotonic()
        self._answer_seconds = 0.0
        self._step_seconds = 0.0
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._tokenizer = ThreadPoolExecutor(1, "tokenize")
        self._long_tokenizer = ThreadPoolExecutor(1, "tokenize-long")
        self._thread = threading.Thread(target=self._run, name="generate", daemon=True)
        self._thread.start()

    @classmethod
    def load(
        cls, name: str, path: Path, options: EngineOptions, metrics: WorkerMetrics | None = None
    ) -> LlamaEngine:
        """Load a GGUF file, prove it and measure how it runs best. Blocks for seconds.

        Raises ModelFileError, or ModelUnavailable where the memory is too small.
        """
        model = LlamaModel(path, extra_bufts=options.extra_bufts)
        split = options.context * (options.limits.places + SPARE_IN_PARTS)
        # In a thread that ends: OpenMP keeps the threads of every thread that ever computed, and once there
        # are more than cores it lets all of them sleep while they wait (a token took 31 ms in place of 11).
        with ThreadPoolExecutor(1, "probe") as probe:
            found = probe.submit(
                calibrate,
                model,
                threads=options.threads,
                cells=options.room,
                sequences=options.limits.places + SPARE_SEQUENCES,
                flash_attention=options.flash_attention,
                # A cache in parts needs room for the longest prompt in each.
                unified=True if options.unified is None and options.room < split else options.unified,
                cache=options.calibration,
            ).result()
        sequences = options.limits.places + (SPARE_SEQUENCES if found.unified else SPARE_IN_PARTS)
        context = LlamaContext(
            model,
            ContextOptions(
                cells=options.room if found.unified or options.cells else split,
                context=options.context,
                sequences=sequences,
                threads=found.threads,
                ubatch=found.rows,
                flash_attention=found.flash_attention,
                unified=found.unified,
            ),
            adapters=options.adapters,
        )
        return cls(name, model, context, options, found, metrics or WorkerMetrics(name))

    def health(self) -> dict[str, Any]:
        """Values for `/health`. `progress_age_s` is how long the model has been at one step."""
        batcher = self._batcher
        busy = bool(self._open) or self._preparing > 0
        working = self._preparing > 0 or not batcher.idle
        return {
            "context": self.context,
            "prefill_tokens_per_s": round(batcher.stepper.cost.reading_rate, 1),
            "busy": busy,
            "queued": len(batcher.waiting),
            "active": len(batcher.slots),
            "places": self._limits.places,
            "served": self._served,
            # A reader that is slow to take its answer is no sign of a model that is stuck.
            "progress_age_s": round(time.monotonic() - self._progress, 3) if working else 0.0,
            "degraded": self._degraded,
            "threads": batcher.stepper.threads.now,
            "kv_cells": self._decoder.cells,
            "kv_cells_used": self._cells_used,
            "kv_unified": self._decoder.unified,
            "parked": batcher.cache.parked,
            "parked_bytes": batcher.cache.parked_bytes,
            "flash_attention": self._calibration.flash_attention,
            "public_prefix": True,
            "infill": self.infill,
        }

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text; special tokens are not read."""
        short = _size(texts) <= SHORT
        return await self._prepare(lambda: [self._model.tokenize(text) for text in texts], short)

    async def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """See ChatEngine."""
        try:
            self._refuse_when_full(request)
            self._preparing_for[request.user] += request.n
            try:
                ticket, works = await self._prepare(lambda: self._works(request), _is_short(request))
            finally:
                self._preparing_for[request.user] -= request.n
        except PetraError as error:
            self._metrics.refused(error.code)
            raise
        self._watch()
        self._open.add(ticket)
        self._inbox.put(works)
        ended = False
        try:
            while not ended:
                event = await ticket.events.get()
                ended = isinstance(event, Ended | PetraError)
                if isinstance(event, PetraError):
                    raise event
                yield event
        finally:
            if not ended:
                self._metrics.cancelled()
            self._leave(ticket)

    async def close(self) -> None:
        """Cancel what is under way, wait for the thread, and free the model."""
        self._closing = True
        if self._watcher:
            self._watcher.cancel()
        for ticket in self._open:
            ticket.gone = True
            ticket.events.put_nowait(ModelUnavailable("The model is being stopped", remedy="Ask again"))
        self._decoder.interrupt(True)
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)
        for thread in (self._tokenizer, self._long_tokenizer):
            await asyncio.to_thread(thread.shutdown)
        self._decoder.close()
        self._model.close()

    # -- in the event loop

    def _refuse_when_full(self, request: Generation) -> None:
        """Raise Busy when too many answers wait, of all or of this person. What is being tokenised counts:
        a burst must not pass before the first of it is queued."""
        waiting = self._preparing_for.copy()
        for ticket in self._open:
            if ticket.admitted is None:
                waiting[ticket.request.user] += ticket.request.n
        free = max(self._limits.places - len(self._batcher.slots), 0)
        if waiting.total() >= self._limits.queue + free:
            raise Busy(
                "The model's queue is full",
                cause=f"{waiting.total()} answers are waiting",
                remedy="Ask again in a moment",
            )
        own = min(free, self._limits.per_person) + self._limits.queue_per_person
        if request.user is not None and waiting[request.user] >= own:
            raise Busy(
                "Too many of your questions are waiting",
                cause=f"There are {waiting[request.user]}, and one person may have {own}",
                remedy="Wait for an answer, or cancel one",
            )

    async def _prepare(self, work: Callable[[], T], short: bool) -> T:
        """Tokenising and templates run beside the generation, but the heartbeat watches them as well."""
        thread = self._tokenizer if short else self._long_tokenizer
        if not self._preparing and not self._open:
            self._progress = time.monotonic()
        self._preparing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work)
        finally:
            self._preparing -= 1
            self._progress = time.monotonic()

    def _leave(self, ticket: Ticket) -> None:
        """Nobody reads this request any more. Interrupt the step when it is the only one in it."""
        ticket.gone = True
        self._open.discard(ticket)
        self._served += 1
        computing = self._batcher.stepper.computing
        if computing and all(work.listener.gone for work in computing):
            self._decoder.interrupt(True)

    def _deliver(self, outgoing: list[tuple[Ticket, list[Event | PetraError]]]) -> None:
        for ticket, events in outgoing:
            for event in events:
                ticket.events.put_nowait(event)

    def _watch(self) -> None:
        """Look now and then whether the step under way should be given up."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watcher = self._loop.create_task(self._look_for_overdue())

    async def _look_for_overdue(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if time.monotonic() > self._batcher.stepper.overdue_at:
                self._decoder.interrupt(True)

    # -- in the tokenising thread

    def _works(self, request: Generation) -> tuple[Ticket, list[Work]]:
        """The answers to write for a request. Raises TooLarge or BadRequest."""
        if request.adapter is not None and request.adapter not in self.adapters:
            raise BadRequest(f"The model {self.name} has no adapter {request.adapter}")
        prompt = self._prompt(request)
        most = self._room(prompt, request)
        ticket = Ticket(request, len(prompt.tokens), self._metrics, running=request.n)
        return ticket, [
            Work(
                prompt.tokens,
                self._decoder.sampler(_sampling(request, index), prompt.tokens),
                Answer(ticket, index, self._vocabulary),
                most,
                owner=request.user,
                public=prompt.public,
                adapter=request.adapter,
                reserve=min(most, request.max_tokens or RESERVE, MOST_RESERVED),
                reuse=request.cache_prompt,
                seconds=self._limits.seconds,
            )
            for index in range(request.n)
        ]

    def _prompt(self, request: Generation) -> Prompt:
        first = [] if self._model.bos is None else [self._model.bos]
        texts = [request.prompt or "", request.suffix or "", *(one.content for one in request.messages)]
        if sum(map(len, texts)) > LONGEST_TOKEN * self.context:
            raise TooLarge(
                "The prompt is far too long",
                cause=f"It has {sum(map(len, texts))} characters, and the model reads {self.context} tokens",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        if request.prompt is None:
            return self._template.apply(request.messages, request.public_messages)
        tokens = self._model.tokenize(request.prompt)
        if request.suffix is None:
            return Prompt([*first, *tokens] or self._model.tokenize("\n"), 0)
        if self._model.fim is None:
            raise BadRequest(
                f"The model {self.name} cannot fill in the middle",
                cause="Its file names no tokens for it",
                remedy="Leave suffix out, or choose a model that was trained for it, such as Qwen2.5-Coder",
            )
        prefix, suffix, middle = self._model.fim
        behind = self._model.tokenize(request.suffix)
        return Prompt([*first, prefix, *tokens, suffix, *behind, middle], 0)

    def _room(self, prompt: Prompt, request: Generation) -> int:
        """How many tokens an answer may have. Raises TooLarge when there is no room for even one."""
        room = self.context - len(prompt.tokens)
        if room < 1:
            raise TooLarge(
                f"The prompt is {1 - room} tokens too long",
                cause=f"It has {len(prompt.tokens)}, and the model reads {self.context}, the answer included",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        return min(room, self._limits.tokens, request.max_tokens or self._limits.tokens)

    # -- in the generating thread

    def _run(self) -> None:
        while not self._closing:
            self._receive()
            if self._closing:
                break
            try:
                self._batcher.step()
            except Exception as error:  # this thread must go on, whatever happens
                self._batcher.fail_all(unforeseen(error))
            self._progress = time.monotonic()
            self._tell_positions()
            self._hand_over()

    def _receive(self) -> None:
        """Take in new requests; wait for one when there is nothing to do."""
        block = self._batcher.idle
        while True:
            try:
                works = self._inbox.get(block)
            except queue.Empty:
                return
            if works is None:
                return
            self._progress = time.monotonic()
            for work in works:
                self._batcher.submit(work)
                self._serving.add(_ticket(work))
            block = False

    def _hand_over(self) -> None:
        """Give the events of this step to their readers, in one call for all."""
        outgoing = []
        written = 0
        for ticket in list(self._serving):
            written += ticket.written - self._written.get(ticket, 0)
            self._written[ticket] = ticket.written
            if ticket.ready:
                outgoing.append((ticket, ticket.ready))
                ticket.ready = []
            if ticket.gone or not ticket.running:
                self._forget(ticket)
        self._measure(written)
        if outgoing and self._loop and not self._closing:
            self._loop.call_soon_threadsafe(self._deliver, outgoing)

    def _forget(self, ticket: Ticket) -> None:
        self._serving.remove(ticket)
        del self._written[ticket]
        if ticket.admitted and not ticket.gone:
            seconds = time.monotonic() - ticket.admitted
            known = self._answer_seconds or seconds
            self._answer_seconds = known + WEIGHT * (seconds - known)

    def _measure(self, written: int) -> None:
        batcher = self._batcher
        self._metrics.load(len(batcher.waiting), len(batcher.slots))
        self._cells_used = batcher.cache.used
        self._metrics.cache(self._cells_used, self._decoder.cells)
        self._metrics.parked(batcher.cache.parked_bytes)
        if self._step_seconds:
            self._metrics.step(self._step_seconds, written)
        self._step_seconds = 0.0

    def _stepped(self, seconds: float) -> None:
        self._step_seconds = seconds

    def _tell_positions(self) -> None:
        """Tell those who wait where they stand, when that has changed."""
        now = time.monotonic()
        if not self._batcher.waiting or now - self._told < TELL_SECONDS:
            return
        self._told = now
        position = 0
        seen: set[Ticket] = set()
        for work in self._batcher.in_turn():
            ticket = _ticket(work)
            if ticket in seen or ticket.admitted is not None:
                continue
            seen.add(ticket)
            if ticket.place != position:
                ticket.place = position
                ticket.ready.append(Waiting(position, self._estimate(position)))
            position += 1

    def _estimate(self, position: int) -> float | None:
        """Seconds until the turn of a place in the queue, None before anything was measured."""
        if not self._answer_seconds:
            return None
        return round((position + 1) * self._answer_seconds / max(len(self._batcher.slots), 1), 1)


def _ticket(work: Work) -> Ticket:
    assert isinstance(work.listener, Answer)  # noqa: S101  # all work here was made by _works
    return work.listener.ticket


def _is_short(request: Generation) -> bool:
    """Whether a request is prepared in a few milliseconds."""
    texts = [request.prompt or "", request.suffix or "", *(one.content for one in request.messages)]
    return _size(texts) <= SHORT and request.sampling.grammar is None


def _size(texts: Sequence[str]) -> int:
    return sum(map(len, texts)) + TEXT * len(texts)


def _sampling(request: Generation, index: int) -> Sampling:
    """Answers to one request with a seed differ from each other, and are the same the next time."""
    seed = request.sampling.seed
    return request.sampling if seed is None else replace(request.sampling, seed=seed + index)


def _template(model: LlamaModel) -> ChatTemplate:
    source = model.chat_template
    if source is None:
        source = CHATML if model.has_token("<|im_start|>") else TRANSCRIPT
    return ChatTemplate(
        source,
        model.tokenize,
        bos=model.special_text(),
        eos=model.special_text(end=True),
        bos_token=model.bos,
    )
