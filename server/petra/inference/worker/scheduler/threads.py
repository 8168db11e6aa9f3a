"""How many threads to compute with while other programs want the CPU.

The threads of a step wait for each other in a loop: when one of them has lost its core to another
program, all stand still until it has it back. With fewer threads than cores nobody is in the way.
"""

from __future__ import annotations

WEIGHT = 0.3  # of the newest measurement in a moving average
SLOW = 1.6  # times the best step of its kind: other programs compete
BETTER = 0.9  # of what another number of threads takes, to be worth the change
PATIENCE = 4  # slow steps in a row before another number is tried
FIRST_LOOK, LONGEST_LOOK = 2.0, 30.0  # seconds between tries
FADING = 1.002  # a best step is forgotten slowly: contexts grow, laptops get hot


class Threads:
    """Decides from measured steps. `most` is the number for a quiet machine.

    Steps of one kind (as many sequences, about as long) are compared with the best of their kind. Now and
    then, and soon when steps are slow, the neighbouring number of threads gets one step; it stays if that
    was better.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = most
        self._best: dict[tuple[int, int], float] = {}
        self._slowness: dict[int, float] = {}
        self._slow = 0
        self._look = FIRST_LOOK
        self._next_look = 0.0
        self._before: int | None = None

    def observe(self, kind: tuple[int, int], seconds: float, now: float) -> int:
        """A step with `self.now` threads took so long. Returns the number for the next step."""
        if self.most == 1:
            return 1
        best = min(self._best.get(kind, seconds) * FADING, seconds)
        self._best[kind] = best
        slowness = seconds / best
        if self._before is not None:
            self._judge(slowness, now)
            return self.now
        known = self._slowness.get(self.now, slowness)
        self._slowness[self.now] = known + WEIGHT * (slowness - known)
        if not self._next_look:
            self._next_look = now + LONGEST_LOOK
        self._slow = self._slow + 1 if slowness > SLOW else 0
        if now >= self._next_look or (self.now == self.most and self._slow >= PATIENCE):
            self._before, self._slow = self.now, 0
            self.now = self.now - 1 if self.now == self.most else self.now + 1
        return self.now

    def _judge(self, slowness: float, now: float) -> None:
        before, self._before = self._before, None
        if before is None:
            return
        if slowness < BETTER * self._slowness[before]:
            self._slowness[self.now] = slowness
            self._look = FIRST_LOOK
        else:
            self.now = before
            self._look = min(self._look * 2, LONGEST_LOOK)
        self._next_look = now + self._look
