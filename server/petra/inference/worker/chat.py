"""The chat engine: one request at a time, first come first served, cancelled between steps.

The model belongs to one thread. The event loop holds the queue, tokenises on a second thread, and gets
events back through `call_soon_threadsafe`. Between two steps of at most a quarter of a second the thread
looks whether its reader has gone; so a cancel frees the CPU in the middle of a long prompt, too.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from petra.errors import Busy, ModelUnavailable, PetraError, TooLarge
from petra.inference.worker.engine import Ended, Event, Generation, Piece, Stopped, Waiting
from petra.inference.worker.llama import BATCH, LlamaModel
from petra.inference.worker.template import CHATML, TRANSCRIPT, ChatTemplate, Prompt
from petra.inference.worker.text import Writer

STEP_SECONDS = 0.25
LEAST_STEP = 16
WEIGHT = 0.2  # of the newest measurement in a moving average
T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """Caps on one worker: requests that wait, tokens and seconds of one answer."""

    queue: int = 64
    tokens: int = 4096
    seconds: float = 600.0


@dataclass(eq=False)
class _Ticket:
    """A request in the queue or under way."""

    request: Generation
    prompt: Prompt
    most: int
    events: asyncio.Queue[Event | PetraError] = field(default_factory=asyncio.Queue)
    gone: threading.Event = field(default_factory=threading.Event)
    started: float = 0.0


class LlamaEngine:
    """`ChatEngine` over one LlamaModel."""

    def __init__(
        self,
        name: str,
        model: LlamaModel,
        *,
        limits: Limits,
        prefill_rate: float,
        degraded: str | None = None,
    ) -> None:
        self.name = name
        self.context = model.context
        self.infill = False
        self.adapters: tuple[str, ...] = ()
        self._model = model
        self._template = _template(model)
        self._limits = limits
        self._degraded = degraded
        self._prefill_rate = prefill_rate
        self._decode_rate = 0.0
        self._request_seconds = 0.0
        self._served = 0
        self._waiting: deque[_Ticket] = deque()
        self._current: _Ticket | None = None
        self._preparing = 0
        self._progress = time.monotonic()
        self._held: list[int] = []
        self._held_by: str | None = None
        self._generator = ThreadPoolExecutor(1, "generate")
        self._tokenizer = ThreadPoolExecutor(1, "tokenize")

    def health(self) -> dict[str, Any]:
        """Values for `/health`."""
        busy = self._current is not None or self._preparing > 0
        return {
            "context": self.context,
            "prefill_tokens_per_s": round(self._prefill_rate, 1),
            "decode_tokens_per_s": round(self._decode_rate, 1),
            "busy": busy,
            "queued": len(self._waiting),
            "served": self._served,
            "progress_age_s": round(time.monotonic() - self._progress, 3) if busy else 0.0,
            "degraded": self._degraded,
        }

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text; special tokens are not read."""
        return await self._prepare(lambda: [self._model.tokenize(text) for text in texts])

    async def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """See ChatEngine."""
        if len(self._waiting) >= self._limits.queue:
            raise Busy(
                "The model's queue is full",
                cause=f"{len(self._waiting)} requests are waiting",
                remedy="Ask again in a moment",
            )
        prompt = await self._prepare(lambda: self._prompt(request))
        ticket = _Ticket(request, prompt, self._room(prompt, request.max_tokens))
        self._waiting.append(ticket)
        self._advance()
        try:
            while True:
                event = await ticket.events.get()
                if isinstance(event, PetraError):
                    raise event
                yield event
                if isinstance(event, Ended):
                    return
        finally:
            ticket.gone.set()
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                self._tell_positions()

    async def close(self) -> None:
        """Cancel what is under way, wait for it, and free the model."""
        for ticket in [*self._waiting, *([self._current] if self._current else [])]:
            ticket.gone.set()
        self._waiting.clear()
        await asyncio.to_thread(self._generator.shutdown)
        await asyncio.to_thread(self._tokenizer.shutdown)
        self._model.close()

    async def _prepare(self, work: Callable[[], T]) -> T:
        """Tokenising and templates run beside the generation, but the heartbeat watches them as well."""
        if not self._preparing and self._current is None:
            self._progress = time.monotonic()
        self._preparing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._tokenizer, work)
        finally:
            self._preparing -= 1
            self._progress = time.monotonic()

    def _prompt(self, request: Generation) -> Prompt:
        if request.prompt is None:
            return self._template.apply(request.messages)
        tokens = self._model.tokenize(request.prompt)
        first = [] if self._model.bos is None else [self._model.bos]
        return Prompt([*first, *tokens] or self._model.tokenize("\n"), len(first))

    def _room(self, prompt: Prompt, asked: int | None) -> int:
        """How many tokens the answer may have. Raises TooLarge when there is no room for even one."""
        room = self.context - len(prompt.tokens)
        if room < 1:
            raise TooLarge(
                f"The prompt is {1 - room} tokens too long",
                cause=f"It has {len(prompt.tokens)}, and the model reads {self.context}, the answer included",
                remedy="Ask a shorter question, select less, or choose a model with a longer context",
            )
        return min(room, self._limits.tokens, asked or self._limits.tokens)

    def _advance(self) -> None:
        """Start the next request when the thread is free, and tell the others where they stand."""
        if self._current is None and self._waiting:
            ticket = self._waiting.popleft()
            self._current = ticket
            ticket.started = self._progress = time.monotonic()
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._generator, self._run, ticket, loop)
            running.add_done_callback(lambda _: self._done(ticket))
        self._tell_positions()

    def _done(self, ticket: _Ticket) -> None:
        seconds = time.monotonic() - ticket.started
        self._request_seconds += WEIGHT * (seconds - self._request_seconds) if self._served else seconds
        self._served += 1
        self._current = None
        self._advance()

    def _tell_positions(self) -> None:
        current = self._current
        running = time.monotonic() - current.started if current else 0.0
        for position, ticket in enumerate(self._waiting):
            wait = (position + 1) * self._request_seconds - running if self._served else None
            ticket.events.put_nowait(Waiting(position, None if wait is None else round(max(wait, 0.0), 1)))

    def _run(self, ticket: _Ticket, loop: asyncio.AbstractEventLoop) -> None:
        """In the generation thread: prefill, then token by token."""

        def send(event: Event | PetraError) -> None:
            if not ticket.gone.is_set():
                loop.call_soon_threadsafe(ticket.events.put_nowait, event)

        try:
            reused = self._prefill(ticket)
            if reused is not None:
                self._write(ticket, reused, send)
        except PetraError as error:
            self._held = []
            send(error)
        except Exception as error:  # this thread must answer, whatever happens
            self._held = []
            self._model.keep(0)
            send(ModelUnavailable("The model failed on this request", cause=type(error).__name__))

    def _prefill(self, ticket: _Ticket) -> int | None:
        """Read the prompt. Returns how much of it was still there, None when the reader has gone."""
        tokens = ticket.prompt.tokens
        shared = min(_common(self._held, tokens), len(tokens) - 1)
        if ticket.request.user != self._held_by:
            # What one person's prompt shares with another's must not show in its speed.
            shared = min(shared, ticket.prompt.public)
        shared = self._model.keep(shared)
        del self._held[shared:]
        self._held_by = ticket.request.user
        position = shared
        while position < len(tokens):
            if ticket.gone.is_set():
                return None
            size = max(LEAST_STEP, min(BATCH, int(self._prefill_rate * STEP_SECONDS)))
            chunk = tokens[position : position + size]
            started = time.perf_counter()
            self._model.decode(chunk)
            seconds = time.perf_counter() - started
            if len(chunk) >= LEAST_STEP:
                self._prefill_rate += WEIGHT * (len(chunk) / seconds - self._prefill_rate)
            self._held += chunk
            position += len(chunk)
            self._progress = time.monotonic()
        return shared

    def _write(self, ticket: _Ticket, reused: int, send: Callable[[Event], None]) -> None:
        writer = Writer(ticket.request.stop)
        sampler = self._model.sampler(ticket.request.sampling)
        prompt_tokens, written = len(ticket.prompt.tokens), 0
        deadline = ticket.started + self._limits.seconds
        begun = time.perf_counter()
        try:
            while not ticket.gone.is_set():
                token = sampler.sample()
                if self._model.ends(token):
                    reason: Any = "stop"
                    break
                written += 1
                if text := writer.feed(self._model.piece(token)):
                    send(Piece(text))
                if writer.stopped:
                    reason = "stop"
                    break
                if written >= ticket.most or time.monotonic() > deadline:
                    reason = "length"
                    break
                self._model.decode([token])
                self._held.append(token)
                self._progress = time.monotonic()
            else:
                return
        finally:
            sampler.close()
        if written > 1:
            rate = written / (time.perf_counter() - begun)
            self._decode_rate += WEIGHT * (rate - self._decode_rate) if self._decode_rate else rate
        if text := writer.finish():
            send(Piece(text))
        send(Stopped(reason))
        send(Ended(prompt_tokens, written, reused))


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


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many tokens both begin with."""
    length = min(len(a), len(b))
    return next((i for i in range(length) if a[i] != b[i]), length)
