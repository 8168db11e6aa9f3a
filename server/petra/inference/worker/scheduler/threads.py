"""How many threads to compute with while other programs want the CPU.

The threads of a step wait for each other in a loop: when one of them has lost its core to another
program, all stand still until it has it back (measured: steps of 25 ms took 2 s). With fewer threads than
cores nobody is in the way.
"""

from __future__ import annotations

from collections.abc import Callable

WEIGHT = 0.3  # of the newest measurement in a moving average
SLOW = 2.0  # times the best step: other programs compete
VERY_SLOW = 4.0  # once is enough
PATIENCE = 3  # slow steps in a row before fewer threads are tried
BETTER = 0.9  # of what another number of threads takes, to be worth the change
IDLE_CORES = 0.6  # that must be free before one more thread is tried
FIRST_LOOK, LONGEST_LOOK = 1.0, 30.0  # seconds between tries
FADING = 1.002  # a best step is forgotten slowly: contexts grow, laptops get hot
FIXED_ROWS = 1.5  # what a step costs besides its rows, as rows (measured: 13 ms for 1, 45 for 8)


class Threads:
    """Decides from measured steps. `most` is the number for a quiet machine.

    The neighbouring number of threads gets one step when steps have become slow, now and then, and, when
    it is more, only while cores are idle; it stays if that step was better. `idle_cores` tells how many
    cores nobody used since it was asked last. `seconds_a_row` is what a row takes on a quiet machine.
    """

    def __init__(
        self, most: int, seconds_a_row: float, idle_cores: Callable[[], float] = lambda: 1.0
    ) -> None:
        self.most = most
        self.now = most
        self._idle_cores = idle_cores
        # Reading and writing differ in their cost of a row, and long contexts from short ones.
        self._best: dict[tuple[bool, int], float] = {(False, 0): seconds_a_row}
        self._cost: dict[tuple[int, tuple[bool, int]], float] = {}
        self._slow = 0
        self._look = LONGEST_LOOK
        self._next_look = 0.0
        self._before: int | None = None

    def observe(self, writing: int, reading: int, cells: int, seconds: float, now: float) -> int:
        """A step with `self.now` threads took so long; `cells` are the tokens in the cache. Returns the
        number for the next step."""
        if self.most == 1:
            return 1
        kind = (writing > 0, cells // 2048)
        cost = seconds / (writing + reading + FIXED_ROWS)
        best = self._best[kind] = min(self._best.get(kind, cost) * FADING, cost)
        if self._before is not None:
            self._judge(kind, cost, now)
            return self.now
        known = self._cost.get((self.now, kind), cost)
        self._cost[self.now, kind] = known + WEIGHT * (cost - known)
        self._slow = self._slow + 1 if cost > SLOW * best else 0
        if self.now == self.most:
            self._look_below(now, very_slow=cost > VERY_SLOW * best)
        elif now >= self._next_look:
            self._look_above(now)
        return self.now

    def collapsed(self, now: float) -> int:
        """A step with `self.now` threads took so long that it was given up. Returns the number for the
        next step."""
        if self._before is not None:  # it was only a try
            self._look = min(self._look * 2, LONGEST_LOOK)
        else:
            self._look = FIRST_LOOK
        self._before, self._slow = None, 0
        self._next_look = now + self._look
        self.now = max(1, self.now - 1)
        return self.now

    def _look_below(self, now: float, *, very_slow: bool) -> None:
        self._next_look = self._next_look or now + self._look
        if very_slow or self._slow >= PATIENCE or now >= self._next_look:
            self._try(self.now - 1)

    def _look_above(self, now: float) -> None:
        if self._idle_cores() >= IDLE_CORES:
            self._try(self.now + 1)
        else:
            self._next_look = now + FIRST_LOOK

    def _try(self, threads: int) -> None:
        self._before, self._slow = self.now, 0
        self.now = threads

    def _judge(self, kind: tuple[bool, int], cost: float, now: float) -> None:
        """Stay with the number that was tried, or go back and wait longer before the next try."""
        before, self._before = self._before, None
        if before is None:
            return
        if cost < BETTER * self._cost.get((before, kind), cost):
            self._cost[self.now, kind] = cost
            self._look = FIRST_LOOK
        else:
            self.now = before
            self._look = min(self._look * 2, LONGEST_LOOK)
        self._next_look = now + self._look
