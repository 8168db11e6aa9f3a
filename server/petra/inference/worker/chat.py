"""The chat engine: one model, many answers at once.

Three kinds of threads, and what each owns:

* the event loop: this module, the queue's limits, and each request's `events`;
* the lanes (`lanes.py`): nothing; they turn requests into tokens (`preparing.py`);
* the generating thread (`generating.py`): the batcher, the model's cache, and each request once submitted.

A request goes to the generating thread through its inbox, and what each step has said comes back in one
call. A cancel is seen between two steps, and interrupts the step under way when nobody else takes part in
it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from petra.errors import ModelUnavailable, PetraError
from petra.inference.worker import loading
from petra.inference.worker.batcher import Batcher, Options
from petra.inference.worker.engine import Ended, Event, Generation
from petra.inference.worker.generating import GeneratingThread
from petra.inference.worker.idle import IdleCores
from petra.inference.worker.lanes import Lanes, are_short, is_short
from petra.inference.worker.loading import Loaded
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.options import EngineOptions
from petra.inference.worker.preparing import Preparation
from petra.inference.worker.queue_limits import refuse_when_full
from petra.inference.worker.ticket import Events, Ticket

WATCH_SECONDS = 0.2


class LlamaEngine:
    """`ChatEngine` over one model, which it frees in the end. Use `load`."""

    def __init__(self, name: str, loaded: Loaded, options: EngineOptions, metrics: WorkerMetrics) -> None:
        model, decoder, limits = loaded.model, loaded.decoder, options.limits
        self.name = name
        self.context = decoder.context
        self.infill = model.fim is not None
        self.adapters = tuple(options.adapters)
        self._loaded = loaded
        self._limits = limits
        self._degraded = None if options.extra_bufts else "Weights are not repacked for this CPU"
        self._metrics = metrics
        self._preparation = Preparation(name, model, decoder, self.adapters, limits, metrics)
        self._lanes = Lanes()
        batching = Options(
            places=limits.places,
            per_person=limits.per_person,
            step_seconds=options.step_seconds,
            park_bytes=options.park_bytes,
            threads=loaded.calibration.threads,
            reading_rate=max(loaded.calibration.prefill_rate, 1.0),
        )
        batcher = Batcher(decoder, batching, idle_cores=IdleCores())
        self._generating = GeneratingThread(batcher, decoder, metrics, self._deliver)
        self._preparing_for: Counter[str | None] = Counter()
        self._open: set[Ticket] = set()
        self._served = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watcher: asyncio.Task[None] | None = None

    @classmethod
    def load(
        cls, name: str, path: Path, options: EngineOptions, metrics: WorkerMetrics | None = None
    ) -> LlamaEngine:
        """See loading.load."""
        return cls(name, loading.load(path, options), options, metrics or WorkerMetrics(name))

    def health(self) -> dict[str, Any]:
        """Values for `/health`. `progress_age_s` is how long the model has been at one step."""
        return {
            "context": self.context,
            "busy": bool(self._open) or self._lanes.working,
            "places": self._limits.places,
            "served": self._served,
            "progress_age_s": round(self._progress_age(), 3),
            "degraded": self._degraded,
            "weights": self._loaded.model.format_name,
            "weights_bytes": self._loaded.model.size,
            "flash_attention": self._loaded.calibration.flash_attention,
            "public_prefix": True,
            "infill": self.infill,
            **self._generating.health(),
        }

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text; special tokens are not read."""
        return await self._lanes.run(lambda: self._preparation.tokenize(texts), short=are_short(texts))

    async def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """See ChatEngine."""
        ticket = await self._queue(request)
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
            ticket.gone = True
            self._open.discard(ticket)
            self._served += 1
            self._generating.give_up()

    async def close(self) -> None:
        """Cancel what is under way, wait for the threads, and free the model."""
        if self._watcher:
            self._watcher.cancel()
        for ticket in self._open:
            ticket.gone = True
            ticket.events.put_nowait(ModelUnavailable("The model is being stopped", remedy="Ask again"))
        await asyncio.to_thread(self._generating.close)
        await self._lanes.close()
        self._loaded.close()

    async def _queue(self, request: Generation) -> Ticket:
        """Prepare a request and hand it to the generating thread. Raises Busy, TooLarge or BadRequest."""
        try:
            active = self._generating.active
            refuse_when_full(self._limits, request.user, self._waiting(), active, request.n)
            self._preparing_for[request.user] += request.n
            try:
                ticket, works = await self._lanes.run(
                    lambda: self._preparation.works(request), short=is_short(request)
                )
            finally:
                self._preparing_for -= Counter({request.user: request.n})  # which drops the name at zero
        except PetraError as error:
            self._metrics.refused(error.code)
            raise
        self._watch()
        self._open.add(ticket)
        self._generating.submit(works)
        return ticket

    def _waiting(self) -> Counter[str | None]:
        """How many answers wait, by person."""
        waiting = self._preparing_for.copy()
        for ticket in self._open:
            # One that was put back has begun twice.
            waiting[ticket.request.user] += max(ticket.request.n - ticket.begun, 0)
        return waiting

    def _progress_age(self) -> float:
        """Seconds since there was progress where there is something to do: a reader that is slow to take its
        answer is no sign of a model that is stuck, and tokenising is none of one that is not."""
        now = time.monotonic()
        return max(
            (now - one.progress for one in (self._lanes, self._generating) if one.working), default=0.0
        )

    def _watch(self) -> None:
        """Look now and then whether the step under way should be given up."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watcher = self._loop.create_task(self._look_for_overdue())

    async def _look_for_overdue(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._generating.give_up()

    def _deliver(self, outgoing: Sequence[tuple[Ticket, Events]]) -> None:
        """Called by the generating thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(_put, outgoing)


def _put(outgoing: Sequence[tuple[Ticket, Events]]) -> None:
    for ticket, events in outgoing:
        for event in events:
            ticket.events.put_nowait(event)
