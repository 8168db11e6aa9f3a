"""How long a step takes, learned from the steps before it."""

from __future__ import annotations

WEIGHT = 0.2  # of the newest measurement in a moving average
LEAST_CHUNK = 8
LEAST_MEASURED = 4  # tokens of a chunk that say something about the time of one


class StepCost:
    """Seconds of a step of `writing` sequences that take one token each and `reading` tokens of prompts.

    `rate` is the rate of reading a prompt, tokens/s, as measured at the start.
    """

    def __init__(self, rate: float) -> None:
        self._read = 1 / max(rate, 1.0)
        self._write: dict[int, float] = {}

    @property
    def reading_rate(self) -> float:
        """Tokens/s at which a prompt is read."""
        return 1 / self._read

    def seconds(self, writing: int, reading: int) -> float:
        """What a step is expected to take."""
        return self._writing(writing) + reading * self._read

    def chunk(self, writing: int, target: float) -> int:
        """How many tokens of prompts fit into a step of `target` seconds beside the writing ones."""
        return max(LEAST_CHUNK, int((target - self._writing(writing)) / self._read))

    def learn(self, writing: int, reading: int, seconds: float) -> None:
        """A step was measured."""
        if not reading:
            known = self._write.get(writing, seconds)
            self._write[writing] = known + WEIGHT * (seconds - known)
        elif reading >= LEAST_MEASURED:
            # Never all of it for the writing: an outlier there must not make reading look free.
            spent = max(seconds - self._writing(writing), 0.2 * seconds) / reading
            self._read += WEIGHT * (spent - self._read)
            if writing in self._write:
                # Only steps without prompts measure writing; one outlier must not last while there are none.
                self._write[writing] = min(self._write[writing], seconds)

    def _writing(self, count: int) -> float:
        if not count:
            return 0.0
        if count in self._write:
            return self._write[count]
        if not self._write:
            return count * self._read
        near = min(self._write, key=lambda known: abs(known - count))
        return self._write[near] * (count / near if count > near else 1.0)
