"""One step of the model at a time, timed: what it costs, with how many threads, and when to give it up."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from petra.inference.worker.decoder import ABORTED, DONE, Decoder, Row
from petra.inference.worker.scheduler.cost import StepCost
from petra.inference.worker.scheduler.threads import Threads

# A step that takes so many times what was expected, and at least so many seconds, is given up when fewer
# threads can take it: beside other programs, threads that wait for each other all but stand still.
OVERDUE, LEAST_OVERDUE = 6.0, 1.0

Work = TypeVar("Work")


class Stepper(Generic[Work]):
    """Runs the steps of a Decoder with at most `threads` threads.

    `rate` is the rate of reading that was measured on a quiet machine, tokens/s; `idle_cores` tells how
    many cores nobody used since it was asked last. For the batcher's thread. While a step is under way
    `computing` says whose, and `overdue_at` when it had better be interrupted; any thread may look at both.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        threads: int,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        idle_cores: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._decoder = decoder
        self._clock = clock
        self._seconds = 0.0
        self.cost = StepCost(rate)
        self.threads = Threads(threads, 1 / rate, idle_cores)
        self.computing: tuple[Work, ...] = ()
        self.overdue_at = math.inf

    def run(
        self, rows: Sequence[Row], adapter: str | None, works: tuple[Work, ...], *, writing: int, cells: int
    ) -> int:
        """Compute `rows`, of which `writing` continue answers, beside `cells` tokens in the cache. Returns
        what Decoder.decode does."""
        reading = len(rows) - writing
        self._decoder.interrupt(False)
        self.computing = works
        begun = self._clock()
        if self.threads.now > 1 and self._decoder.can_trim:
            expected = self.cost.seconds(writing, reading)
            self.overdue_at = begun + max(OVERDUE * expected, LEAST_OVERDUE)
        try:
            code = self._decoder.decode(rows, adapter)
        finally:
            ended = self._clock()
            overdue, self.overdue_at = ended > self.overdue_at, math.inf
            self.computing = ()
        if code == DONE:
            self.cost.learn(writing, reading, ended - begun)
            self._seconds = ended - begun
            self._decoder.set_threads(self.threads.observe(writing, reading, cells, ended - begun, ended))
        elif code == ABORTED and overdue:
            self._decoder.set_threads(self.threads.collapsed(ended))
        return code

    def taken(self) -> float:
        """Seconds of the last step that was computed, 0 where there was none since the last question."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
