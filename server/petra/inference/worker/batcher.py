"""Continuous batching: admit, share, compute a step, choose tokens, and again.

`Batcher` is for one thread and knows neither text nor HTTP; `Decoder` may be llama.cpp or a stand-in.
An answer under way is a list of tokens of which some are in the cache: while more than one is missing
its prompt is being read, when exactly one is, it is being written. So a sequence whose cells had to be
given away, or whose step failed, simply has more to read again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from petra.errors import PetraError
from petra.inference.worker.cache import Cache
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Decoder
from petra.inference.worker.faults import failure, unforeseen
from petra.inference.worker.planner import Part, Planner
from petra.inference.worker.slots import Slot, Slots
from petra.inference.worker.stepper import Stepper
from petra.inference.worker.work import Reason, Work


@dataclass(frozen=True)
class Options:
    """How to batch: most answers at once, and for one person; seconds of a step; bytes of parked
    histories outside the cache; threads on a quiet machine; the measured rate of reading, tokens/s."""

    places: int = 8
    per_person: int = 4
    step_seconds: float = 0.15
    park_bytes: int = 256 << 20
    threads: int = 1
    reading_rate: float = 100.0


class Batcher:
    """See the module. All of it is for one thread; what others may look at, Slots and Stepper say."""

    def __init__(
        self,
        decoder: Decoder,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        idle_cores: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.cache = Cache(decoder, park_bytes=options.park_bytes, clock=clock)
        self.slots = Slots(
            decoder, self.cache, places=options.places, per_person=options.per_person, clock=clock
        )
        self.stepper: Stepper[Work] = Stepper(
            decoder,
            threads=options.threads,
            rate=options.reading_rate,
            clock=clock,
            idle_cores=idle_cores,
        )
        self._planner = Planner(decoder, self.stepper.cost, options.step_seconds)
        self._steps = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.slots.waiting and not self.slots

    def submit(self, work: Work) -> None:
        """Queue an answer."""
        self.slots.submit(work)

    def step(self) -> None:
        """Let go what nobody wants, admit what fits, and compute one step."""
        slots = self.slots
        slots.let_go()
        slots.admit()
        slots.share()
        if slots:
            self.cache.settle()
        parts = self._planner.plan(list(slots), slots.read, step=self._steps, queued=bool(slots.waiting))
        # They may have left while their beginnings were being copied.
        if not all(part.slot.work.listener.gone for part in parts):
            self._compute(parts)

    def _compute(self, parts: Sequence[Part]) -> None:
        self.cache.make_room(sum(part.count + len(part.guess) for part in parts))
        code = self._decode(parts)
        if code == DONE:
            self._steps += 1
            self._advance(parts)
        elif code == NO_ROOM:
            self.slots.make_room()
        elif code != ABORTED:
            self._isolate(parts, code)

    def _isolate(self, parts: Sequence[Part], code: int) -> None:
        """A step failed: compute each answer's part alone, so that only the one at fault fails."""
        for part in parts:
            alone = code if len(parts) == 1 else self._decode([part])
            if alone == DONE:
                self._advance([part])
            elif alone not in (NO_ROOM, ABORTED):
                self.slots.fail(part.slot, failure(f"llama.cpp could not decode it (code {alone})"))

    def _decode(self, parts: Sequence[Part]) -> int:
        code = self.stepper.run(
            [row for part in parts for row in part.rows],
            parts[0].slot.work.adapter,
            tuple(part.slot.work for part in parts),
            writing=sum(part.writing for part in parts),
            cells=self.cache.used,
        )
        if code not in (DONE, NO_ROOM):
            # Some of the rows may be in the cache.
            for part in parts:
                self.cache.cut(part.slot.holding, part.slot.holding.held)
        return code

    def _advance(self, parts: Sequence[Part]) -> None:
        """Count what is in the cache now, and choose a token for those who have all of theirs there."""
        row = -1
        for part in parts:
            slot, holding = part.slot, part.slot.holding
            row += part.count
            if slot.pending > 1:
                self.slots.read[slot.work.owner] += part.count
            before = holding.held
            self.cache.wrote(holding, part.count)
            if before < holding.public <= holding.held:
                self.cache.pin(holding)
            if not slot.pending:
                self._choose(slot, row, part.guess)
            row += len(part.guess)

    def _choose(self, slot: Slot, row: int, guess: Sequence[int]) -> None:
        """Choose the token after a row, and after each guess that was right."""
        work, holding = slot.work, slot.holding
        self.cache.wrote(holding, len(guess))
        reason: Reason | None = None
        try:
            for expected in (*guess, None):
                chosen = work.sampler.sample(row)
                reason = work.listener.said(chosen)
                work.said.append(chosen.token)
                holding.tokens.append(chosen.token)
                if reason is None and len(work.said) >= work.most:
                    reason = "length"
                if reason or chosen.token != expected:
                    break
                row += 1
        except PetraError as error:
            self.slots.fail(slot, error)
            return
        except Exception as error:  # one answer's grammar or reader is no reason to end the others'
            self.slots.fail(slot, unforeseen(error))
            return
        if guess:
            self.cache.cut(holding, len(holding.tokens) - 1)
        if reason:
            self.slots.end(slot, reason)
