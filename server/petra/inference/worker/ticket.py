"""One request on its way through the engine: what its answers say, as events for its reader."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from petra.errors import PetraError
from petra.inference.worker.decoder import Chosen
from petra.inference.worker.engine import Ended, Event, Generation, Piece, Stopped, TokenLogprob
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.text import Writer
from petra.inference.worker.work import Reason

Events = list[Event | PetraError]


@dataclass(frozen=True)
class Vocabulary:
    """What the tokens of a model are: their bytes, and which end an answer."""

    piece: Callable[[int], bytes]
    ends: Callable[[int], bool]


@dataclass(eq=False)
class Ticket:
    """A request. Its answers put events into `ready`, which is the generating thread's, and handed over to
    `events`, the event loop's, after each step. `gone` is set, by either, when nobody reads any more."""

    request: Generation
    prompt_tokens: int
    metrics: WorkerMetrics
    arrived: float = field(default_factory=time.monotonic)
    events: asyncio.Queue[Event | PetraError] = field(default_factory=asyncio.Queue)
    ready: Events = field(default_factory=list)
    gone: bool = False
    place: int | None = None
    admitted: float | None = None
    begun: int = 0
    first: float | None = None
    written: int = 0
    reused: int = 0
    running: int = 0

    def began(self, reused: int) -> None:
        """One of its answers was admitted."""
        self.begun += 1
        if self.admitted is None:
            self.admitted, self.reused, self.place = time.monotonic(), reused, None
            self.metrics.admitted(self.admitted - self.arrived, self.prompt_tokens, reused)

    def wrote(self) -> None:
        """One of its answers has a token more."""
        self.written += 1
        if self.first is None:
            self.first = time.monotonic()
            self.metrics.first_token(self.first - self.arrived)

    def stopped(self) -> None:
        """One of its answers is whole; after the last one the request has ended."""
        self.running -= 1
        if self.running:
            return
        now = time.monotonic()
        admitted = self.admitted or now
        first = self.first or now
        self.ready.append(
            Ended(
                self.prompt_tokens,
                self.written,
                self.reused,
                admitted - self.arrived,
                first - admitted,
                now - first,
            )
        )

    def failed(self, error: PetraError) -> None:
        """One answer has failed, and with it the request."""
        if not self.gone:
            self.gone = True
            self.metrics.failed()
            self.ready.append(error)


class Answer:
    """One answer of a request: the Listener of its work."""

    def __init__(self, ticket: Ticket, index: int, vocabulary: Vocabulary) -> None:
        self.ticket = ticket
        self._index = index
        self._vocabulary = vocabulary
        self._writer = Writer(ticket.request.stop)
        self._logprobs: list[TokenLogprob] = []
        self._last: float | None = None

    @property
    def gone(self) -> bool:
        """See Listener."""
        return self.ticket.gone

    def began(self, reused: int) -> None:
        """See Listener."""
        self.ticket.began(reused)

    def said(self, chosen: Chosen) -> Reason | None:
        """See Listener. A token's probability is sent with the text that it completes."""
        ends = self._vocabulary.ends(chosen.token)
        now = time.monotonic()
        if self._last is not None:
            self.ticket.metrics.token(now - self._last)
        self._last = now
        if ends and not self.ticket.request.sampling.ignore_eos:
            return "stop"
        self.ticket.wrote()
        piece = self._vocabulary.piece(chosen.token)
        if chosen.logprob is not None:
            likeliest = tuple((self._vocabulary.piece(token), value) for token, value in chosen.top)
            self._logprobs.append(TokenLogprob(piece, chosen.logprob, likeliest))
        self._send(self._writer.feed(piece))
        return "stop" if self._writer.stopped else None

    def ended(self, reason: Reason) -> None:
        """See Listener."""
        self._send(self._writer.finish(), last=True)
        self.ticket.ready.append(Stopped(reason, self._index))
        self.ticket.stopped()

    def failed(self, error: PetraError) -> None:
        """See Listener. What was held back for a stop string is sent first: it was said."""
        self._send(self._writer.finish(), last=True)
        self.ticket.failed(error)

    def _send(self, text: str, *, last: bool = False) -> None:
        if text or (last and self._logprobs):
            self.ticket.ready.append(Piece(text, self._index, tuple(self._logprobs)))
            self._logprobs.clear()
