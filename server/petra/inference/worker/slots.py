"""Who is served: the queue, the slots of those who were admitted, and how they leave again.

Work is in the queue or in a slot from `submit` until it ends. However that is, its sampler is closed once,
and its listener is told once, unless it has gone. The order and the caps are `scheduler.admission`'s, what
is shared is `scheduler.prefixes`'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from petra.errors import PetraError
from petra.inference.worker.cache import Cache
from petra.inference.worker.decoder import Decoder
from petra.inference.worker.faults import failure, too_slow
from petra.inference.worker.scheduler import admission
from petra.inference.worker.scheduler.lookup import Lookup
from petra.inference.worker.scheduler.prefixes import Holding, Source
from petra.inference.worker.work import Reason, Work


@dataclass(eq=False)
class Slot:
    """Work that has a sequence. `waits_for` is the beginning that another slot is still reading."""

    work: Work
    holding: Holding
    waits_for: Source | None = None
    lookup: Lookup = field(default_factory=Lookup)

    @property
    def pending(self) -> int:
        """Tokens that are not in the cache yet."""
        return len(self.holding.tokens) - self.holding.held

    @property
    def over(self) -> bool:
        """Whether it has said more than there was certain room for."""
        return len(self.work.said) > self.work.reserve

    @property
    def remaining(self) -> int:
        """Cells that are promised to it beyond those it has."""
        work = self.work
        end = len(work.tokens) + max(work.reserve, len(work.said) + 1)
        shared = self.waits_for.length if self.waits_for else 0
        return max(end - max(self.holding.held, shared), 0)


class Slots:
    """The slots in use; `waiting` is the queue before them. At most `places` at once and `per_person` for
    one person. `read` counts the tokens of prompts that were read for each person lately.

    For the batcher's thread; any other may look at the length of both.
    """

    def __init__(
        self, decoder: Decoder, cache: Cache, *, places: int, per_person: int, clock: Callable[[], float]
    ) -> None:
        self._decoder = decoder
        self._cache = cache
        self._places = places
        self._per_person = per_person
        self._clock = clock
        self._slots: list[Slot] = []
        self.waiting: list[Work] = []
        self.read: Counter[str | None] = Counter()

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def submit(self, work: Work) -> None:
        """Queue an answer."""
        work.since = self._clock()
        self.waiting.append(work)

    def in_turn(self) -> list[Work]:
        """The queue in the order of admission."""
        by_number = {work.number: work for work in self.waiting}
        turns = admission.in_turn(self._candidates(), self._owners())
        return [by_number[candidate.number] for candidate in turns]

    # -- in

    def admit(self) -> None:
        """Start as many waiting answers as there is room for."""
        while (work := self._next()) and self._start(work):
            pass

    def share(self) -> None:
        """Copy beginnings that others have finished reading; look again where they will not."""
        holdings = [slot.holding for slot in self._slots]
        for slot in self._slots:
            source = slot.waits_for
            if source is None:
                continue
            if source.holding not in holdings:
                others = holdings[: holdings.index(slot.holding)]
                source = slot.waits_for = self._cache.find(slot.holding, others)
            if source is None or source.ready:
                slot.waits_for = None
                if source:
                    self._cache.share(slot.holding, source)

    def _candidates(self) -> list[admission.Candidate]:
        return [admission.Candidate(work.number, work.owner, work.since) for work in self.waiting]

    def _owners(self) -> list[str | None]:
        return [slot.work.owner for slot in self._slots]

    def _next(self) -> Work | None:
        """Who may start now."""
        if len(self._slots) >= self._places:
            return None
        works = {work.number: work for work in self.waiting}
        chosen = admission.choose(
            self._candidates(),
            self._owners(),
            places=self._places,
            per_person=self._per_person,
            fits=lambda one: self._fits(works[one.number]),
            now=self._clock(),
        )
        return works[chosen.number] if chosen else None

    def _fits(self, work: Work) -> bool:
        """Whether the cells it will need are free, counting those that are promised to others."""
        if not self._decoder.unified or not self._slots:
            return True
        source = self._source(work, _wanted(work))
        shared = source.length if source and source.holding.sequence is not None else 0
        need = len(work.tokens) + len(work.said) + max(work.reserve - len(work.said), 1) - shared
        promised = sum(slot.remaining for slot in self._slots)
        return need + promised <= self._cache.room(source.holding if source else None)

    def _source(self, work: Work, wanted: Holding) -> Source | None:
        if not work.reuse:
            return None
        return self._cache.find(wanted, [slot.holding for slot in self._slots])

    def _start(self, work: Work) -> bool:
        holding = _wanted(work)
        source = self._source(work, holding)
        waits_for = source if source and not source.ready else None
        if not self._cache.open(holding, source):
            return False
        self.waiting.remove(work)
        self._count_from_now(work.owner)
        self._slots.append(Slot(work, holding, waits_for))
        if work.started is None:
            work.started = self._clock()
            work.listener.began(waits_for.length if waits_for else holding.held)
        return True

    def _count_from_now(self, owner: str | None) -> None:
        """Who comes anew has read as little as who has read least, and nobody's past weighs for ever."""
        others = set(self._owners())
        if owner not in others:
            self.read[owner] = min((self.read[other] for other in others), default=0)
        for gone in self.read.keys() - others - {owner}:
            del self.read[gone]

    # -- out

    def let_go(self) -> None:
        """End what nobody wants any more, and what has had its time."""
        for work in [work for work in self.waiting if work.listener.gone]:
            self.waiting.remove(work)
            work.sampler.close()
        for slot in [slot for slot in self._slots if slot.work.listener.gone]:
            self._leave(slot)
        now = self._clock()
        for slot in list(self._slots):
            if slot.work.started is not None and now - slot.work.started > slot.work.seconds:
                self._cut_short(slot, too_slow(slot.work.seconds))

    def end(self, slot: Slot, reason: Reason) -> None:
        """Its answer is whole: its owner's next question may go on from it."""
        slot.work.listener.ended(reason)
        self._leave(slot)

    def fail(self, slot: Slot, error: PetraError) -> None:
        """There is no more of its answer, and nothing of it is kept."""
        self._slots.remove(slot)
        slot.work.sampler.close()
        self._cache.close(slot.holding)
        slot.work.listener.failed(error)

    def fail_all(self, error: PetraError) -> None:
        """End everything with an error and forget the cache's contents."""
        for slot in list(self._slots):
            self.fail(slot, error)
        for work in self.waiting:
            work.sampler.close()
            work.listener.failed(error)
        self.waiting.clear()
        self._cache.forget()

    def make_room(self) -> None:
        """The cache is full in spite of the reservations: let go what nobody uses, then put back an
        answer that has more than it was promised, or else the one that came last. It goes on later from
        what it has said so far."""
        if self._cache.make_room(self._decoder.cells - self._cache.used + 1):
            return
        if len(self._slots) > 1:
            last = max(self._slots, key=lambda slot: (slot.over, slot.work.started or 0.0))
            self._slots.remove(last)
            self._cache.park(last.holding)
            self.waiting.append(last.work)
            return
        for slot in list(self._slots):
            self._cut_short(slot, failure("There is no room for it in the model's cache"))

    def _cut_short(self, slot: Slot, error: PetraError) -> None:
        """It cannot go on: what it has said so far is its answer, or else it fails."""
        if slot.work.said:
            self.end(slot, "length")
        else:
            self.fail(slot, error)

    def _leave(self, slot: Slot) -> None:
        self._slots.remove(slot)
        slot.work.sampler.close()
        self._cache.park(slot.holding)


def _wanted(work: Work) -> Holding:
    return Holding([*work.tokens, *work.said], work.owner, work.public, work.adapter)
