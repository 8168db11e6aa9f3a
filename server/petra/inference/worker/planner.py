"""What the next step computes: for each answer its next tokens, and a guess where that costs nobody time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from petra.inference.worker.decoder import Decoder, Row
from petra.inference.worker.scheduler.cost import StepCost
from petra.inference.worker.scheduler.lookup import PROPOSED
from petra.inference.worker.scheduler.step import Demand, plan, turn
from petra.inference.worker.slots import Slot

# Where nobody is writing, a longer step disturbs nobody; a cancel interrupts it.
ALONE = 1.6


@dataclass(frozen=True)
class Part:
    """What one answer has computed in a step: its next `count` tokens, and a `guess` of what it will say
    after them, which costs less than a step for each."""

    slot: Slot
    count: int
    guess: tuple[int, ...] = ()

    @property
    def rows(self) -> list[Row]:
        """The rows of the step; the tokens after the last, and after the guesses, will be chosen."""
        holding = self.slot.holding
        last, sequence = len(holding.tokens) - 1, holding.sequence or 0
        tokens = [*holding.tokens[holding.held : holding.held + self.count], *self.guess]
        return [Row(token, at, sequence, at >= last) for at, token in enumerate(tokens, holding.held)]

    @property
    def writing(self) -> int:
        """Rows that continue an answer."""
        return 1 + len(self.guess) if self.slot.pending == 1 else 0


class Planner:
    """Plans steps of about `step_seconds`. For the batcher's thread."""

    def __init__(self, decoder: Decoder, cost: StepCost, step_seconds: float) -> None:
        self._decoder = decoder
        self._cost = cost
        self._step_seconds = step_seconds
        self._adapter: str | None = None

    def plan(
        self, slots: Sequence[Slot], read: Mapping[str | None, int], *, step: int, queued: bool
    ) -> list[Part]:
        """The parts of step number `step`, all of one adapter. `read` counts the tokens that were read for
        each person lately; nobody guesses while others are `queued`."""
        demands = [
            Demand(
                slot.work.number,
                slot.work.owner,
                slot.work.adapter,
                slot.pending,
                read[slot.work.owner],
                slot.waits_for is None,
            )
            for slot in slots
        ]
        self._adapter = turn(demands, self._adapter)
        here = [one for one in demands if one.ready and one.adapter == self._adapter]
        writing = sum(one.pending == 1 for one in here)
        takes = plan(
            demands,
            adapter=self._adapter,
            chunk=self._cost.chunk(writing, self._step_seconds * (1 if writing else ALONE)),
            batch=self._decoder.batch,
            first=step,
        )
        if len(slots) == 1 and not queued:
            return [Part(slots[0], take.count, self._guess(slots[0])) for take in takes]
        by_number = {slot.work.number: slot for slot in slots}
        return [Part(by_number[take.key], take.count) for take in takes]

    def _guess(self, slot: Slot) -> tuple[int, ...]:
        """What the only answer may say next. Beside others it would cost them time."""
        if slot.pending != 1 or not self._decoder.can_trim:
            return ()
        left = slot.work.most - len(slot.work.said)
        return tuple(slot.lookup.propose(slot.holding.tokens)) if left > PROPOSED else ()
