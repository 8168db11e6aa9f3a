"""The generating thread: takes in requests, computes step after step, hands over what was said."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from petra.inference.worker.batcher import Batcher
from petra.inference.worker.decoder import Decoder
from petra.inference.worker.faults import unforeseen
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.positions import Positions
from petra.inference.worker.ticket import Answer, Events, Ticket
from petra.inference.worker.work import Work

Deliver = Callable[[Sequence[tuple[Ticket, Events]]], None]


class GeneratingThread:
    """Owns the batcher with its cache, and computes on `decoder`; nobody else calls either.

    `submit`, `give_up`, `close` and what can be read are for other threads. A request's `Ticket` belongs to
    this one from `submit` on, but for `gone`, which its reader sets. `deliver` is called after each step
    with what that step has brought, for all requests together; it must not block.
    """

    def __init__(self, batcher: Batcher, decoder: Decoder, metrics: WorkerMetrics, deliver: Deliver) -> None:
        self._batcher = batcher
        self._decoder = decoder
        self._metrics = metrics
        self._deliver = deliver
        self._inbox: queue.SimpleQueue[Sequence[Work]] = queue.SimpleQueue()
        self._serving: dict[Ticket, int] = {}  # with the tokens that were counted
        self._positions = Positions()
        self._cells_used = 0
        self._closing = False
        self.progress = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="generate", daemon=True)
        self._thread.start()

    # -- for others

    @property
    def working(self) -> bool:
        """Whether it has something to do; `progress` is when it took the last step, or began."""
        return not self._batcher.idle

    @property
    def active(self) -> int:
        """Answers under way."""
        return len(self._batcher.slots)

    def health(self) -> dict[str, Any]:
        """Its values for `/health`."""
        batcher = self._batcher
        return {
            "prefill_tokens_per_s": round(batcher.stepper.cost.reading_rate, 1),
            "queued": len(batcher.slots.waiting),
            "active": self.active,
            "threads": batcher.stepper.threads.now,
            "kv_cells": self._decoder.cells,
            "kv_cells_used": self._cells_used,
            "kv_unified": self._decoder.unified,
            "parked": batcher.cache.parked,
            "parked_bytes": batcher.cache.parked_bytes,
        }

    def submit(self, works: Sequence[Work]) -> None:
        """Queue the answers of one request."""
        self._inbox.put(works)

    def give_up(self) -> None:
        """Interrupt the step under way when nobody wants it any more, or it takes far too long."""
        stepper = self._batcher.stepper
        computing = stepper.computing
        unwanted = bool(computing) and all(work.listener.gone for work in computing)
        if unwanted or time.monotonic() > stepper.overdue_at:
            self._decoder.interrupt(True)

    def close(self) -> None:
        """Interrupt the step under way and wait for the thread. Nobody is told anything any more."""
        self._closing = True
        self._decoder.interrupt(True)
        self._inbox.put(())
        self._thread.join()

    # -- in the thread

    def _run(self) -> None:
        while not self._closing:
            self._receive()
            if self._closing:
                break
            try:
                self._batcher.step()
            except Exception as error:  # this thread must go on, whatever happens
                self._batcher.slots.fail_all(unforeseen(error))
            self.progress = time.monotonic()
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
            self.progress = time.monotonic()
            for work in works:
                self._batcher.submit(work)
                self._serving.setdefault(_ticket(work), 0)
            block = False

    def _tell_positions(self) -> None:
        slots = self._batcher.slots
        if slots.waiting and self._positions.due:
            self._positions.tell(map(_ticket, slots.in_turn()), len(slots))

    def _hand_over(self) -> None:
        """Give the events of this step to their readers, in one call for all."""
        outgoing = []
        written = 0
        for ticket, counted in list(self._serving.items()):
            written += ticket.written - counted
            self._serving[ticket] = ticket.written
            if ticket.ready:
                outgoing.append((ticket, ticket.ready))
                ticket.ready = []
            if ticket.gone or not ticket.running:
                del self._serving[ticket]
                self._positions.answered(ticket)
        self._measure(written)
        if outgoing and not self._closing:
            self._deliver(outgoing)

    def _measure(self, written: int) -> None:
        batcher = self._batcher
        self._cells_used = batcher.cache.used
        self._metrics.load(len(batcher.slots.waiting), len(batcher.slots))
        self._metrics.cache(self._cells_used, self._decoder.cells)
        self._metrics.parked(batcher.cache.parked_bytes)
        if seconds := batcher.stepper.taken():
            self._metrics.step(seconds, written)


def _ticket(work: Work) -> Ticket:
    assert isinstance(work.listener, Answer)  # noqa: S101  # all work here was made by Preparation
    return work.listener.ticket
