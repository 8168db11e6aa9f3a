"""Continuous batching: admit, share, compute a step, choose tokens, and again.

`Batcher` is for one thread and knows neither text nor HTTP; `Decoder` may be llama.cpp or a stand-in.
An answer under way is a list of tokens of which some are in the cache: while more than one is missing
its prompt is being read, when exactly one is, it is being written. So a sequence whose cells had to be
given away, or whose step failed, simply has more to read again.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, Protocol

from petra.errors import ModelUnavailable, PetraError
from petra.inference.worker.cache import Cache
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Chosen, Decoder, Row, Sampler
from petra.inference.worker.scheduler import admission
from petra.inference.worker.scheduler.lookup import PROPOSED, Lookup
from petra.inference.worker.scheduler.prefixes import Holding, Source
from petra.inference.worker.scheduler.step import Demand, plan, turn
from petra.inference.worker.stepper import Stepper

Reason = Literal["stop", "length"]

# Where nobody is writing, a longer step disturbs nobody; a cancel interrupts it.
ALONE = 1.6


class Listener(Protocol):
    """Who asked. All but `gone` are called by the batcher's thread."""

    @property
    def gone(self) -> bool:
        """Whether nobody wants the answer any more."""
        ...

    def began(self, reused: int) -> None:
        """It was admitted; `reused` tokens of its prompt need not be read."""
        ...

    def said(self, chosen: Chosen) -> Reason | None:
        """The next token; a reason when it was the last one."""
        ...

    def ended(self, reason: Reason) -> None:
        """The answer is whole."""
        ...

    def failed(self, error: PetraError) -> None:
        """There will be no more of it."""
        ...


@dataclass(eq=False)
class Work:
    """One answer to write.

    At most `most` tokens after `tokens`, in at most `seconds` from its admission. `reserve` of them are
    certain to find room. The first `public` tokens may be shared with everybody. `reuse` false reads all
    anew. `sampler` is closed at the end.
    """

    tokens: list[int]
    sampler: Sampler
    listener: Listener
    most: int
    owner: str | None = None
    public: int = 0
    adapter: str | None = None
    reserve: int = 0
    reuse: bool = True
    seconds: float = 600.0
    number: int = field(default_factory=count().__next__)
    since: float = 0.0
    started: float | None = None
    said: list[int] = field(default_factory=list)


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
    """See the module. `submit` and `step` are for its thread; for the rest see Stepper."""

    def __init__(
        self,
        decoder: Decoder,
        options: Options,
        *,
        clock: Callable[[], float] = time.monotonic,
        stepped: Callable[[float], None] = lambda seconds: None,
        idle_cores: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self._decoder = decoder
        self._options = options
        self._clock = clock
        self.cache = Cache(decoder, park_bytes=options.park_bytes, clock=clock)
        self.stepper: Stepper[Work] = Stepper(
            decoder,
            threads=options.threads,
            rate=options.reading_rate,
            clock=clock,
            stepped=stepped,
            idle_cores=idle_cores,
        )
        self.waiting: list[Work] = []
        self.slots: list[Slot] = []
        self._read_for: Counter[str | None] = Counter()
        self._adapter: str | None = None
        self._steps = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.waiting and not self.slots

    def submit(self, work: Work) -> None:
        """Queue an answer."""
        work.since = self._clock()
        self.waiting.append(work)

    def in_turn(self) -> list[Work]:
        """The queue in the order of admission."""
        by_number = {work.number: work for work in self.waiting}
        turns = admission.in_turn(self._candidates(), [slot.work.owner for slot in self.slots])
        return [by_number[candidate.number] for candidate in turns]

    def step(self) -> None:
        """Let go what nobody wants, admit what fits, and compute one step."""
        self._let_go()
        self._admit()
        self._share()
        if self.slots:
            self.cache.settle()
        parts = self._plan()
        if parts:
            self._compute(parts)

    def fail_all(self, error: PetraError) -> None:
        """End everything with an error and forget the cache's contents."""
        for slot in list(self.slots):
            self._fail(slot, error)
        for work in self.waiting:
            work.sampler.close()
            work.listener.failed(error)
        self.waiting.clear()
        self.cache.forget()

    # -- who is served

    def _let_go(self) -> None:
        for work in [work for work in self.waiting if work.listener.gone]:
            self.waiting.remove(work)
            work.sampler.close()
        for slot in [slot for slot in self.slots if slot.work.listener.gone]:
            self._leave(slot)
        now = self._clock()
        for slot in list(self.slots):
            if slot.work.started is None or now - slot.work.started <= slot.work.seconds:
                continue
            if slot.work.said:
                self._end(slot, "length")
            else:
                self._fail(slot, _too_slow(slot.work.seconds))

    def _candidates(self) -> list[admission.Candidate]:
        return [admission.Candidate(work.number, work.owner, work.since) for work in self.waiting]

    def _admit(self) -> None:
        """Start as many waiting answers as there is room for."""
        while self.waiting and len(self.slots) < self._options.places:
            sources: dict[int, Source | None] = {}
            works = {work.number: work for work in self.waiting}
            chosen = admission.choose(
                self._candidates(),
                [slot.work.owner for slot in self.slots],
                places=self._options.places,
                per_person=self._options.per_person,
                fits=lambda one, works=works, sources=sources: self._fits(works[one.number], sources),  # type: ignore[misc]
                now=self._clock(),
            )
            if chosen is None or not self._start(works[chosen.number], sources[chosen.number]):
                return

    def _fits(self, work: Work, sources: dict[int, Source | None]) -> bool:
        """Whether the cells it will need are free, counting those that are promised to others."""
        source = self._source(work)
        sources[work.number] = source
        if not self._decoder.unified:
            return True
        shared = source.length if source and source.holding.sequence is not None else 0
        need = len(work.tokens) + len(work.said) + max(work.reserve - len(work.said), 1) - shared
        promised = sum(slot.remaining for slot in self.slots)
        return need + promised <= self.cache.room(source.holding if source else None) or not self.slots

    def _source(self, work: Work) -> Source | None:
        if not work.reuse:
            return None
        return self.cache.find(self._wanted(work), [slot.holding for slot in self.slots])

    def _wanted(self, work: Work) -> Holding:
        return Holding([*work.tokens, *work.said], work.owner, work.public, work.adapter)

    def _start(self, work: Work, source: Source | None) -> bool:
        holding = self._wanted(work)
        waits_for = source if source and not source.ready else None
        if not self.cache.open(holding, source):
            return False
        self.waiting.remove(work)
        slot = Slot(work, holding, waits_for)
        self.slots.append(slot)
        if work.started is None:
            work.started = self._clock()
            work.listener.began(source.length if source and slot.waits_for else holding.held)
        self._count_from_now(slot)
        return True

    def _count_from_now(self, slot: Slot) -> None:
        """Who comes anew has read as little as who has read least, and nobody's past weighs for ever."""
        others = {other.work.owner for other in self.slots if other is not slot}
        if slot.work.owner not in others:
            self._read_for[slot.work.owner] = min((self._read_for[owner] for owner in others), default=0)
        for owner in self._read_for.keys() - others - {slot.work.owner}:
            del self._read_for[owner]

    def _share(self) -> None:
        """Copy beginnings that others have finished reading; look again where they will not."""
        holdings = [slot.holding for slot in self.slots]
        for slot in self.slots:
            source = slot.waits_for
            if source is None:
                continue
            if source.holding not in holdings:
                others = holdings[: holdings.index(slot.holding)]
                source = slot.waits_for = self.cache.find(slot.holding, others)
            if source is None or source.ready:
                slot.waits_for = None
                if source:
                    self.cache.share(slot.holding, source)

    # -- the step

    def _plan(self) -> list[Part]:
        demands = [
            Demand(
                slot.work.number,
                slot.work.owner,
                slot.work.adapter,
                slot.pending,
                self._read_for[slot.work.owner],
                slot.waits_for is None,
            )
            for slot in self.slots
        ]
        self._adapter = turn(demands, self._adapter)
        here = [one for one in demands if one.ready and one.adapter == self._adapter]
        writing = sum(one.pending == 1 for one in here)
        target = self._options.step_seconds * (1 if writing else ALONE)
        takes = plan(
            demands,
            adapter=self._adapter,
            chunk=self.stepper.cost.chunk(writing, target),
            batch=self._decoder.batch,
            first=self._steps,
        )
        slots = {slot.work.number: slot for slot in self.slots}
        return [Part(slots[take.key], take.count, self._guess(slots[take.key])) for take in takes]

    def _guess(self, slot: Slot) -> tuple[int, ...]:
        """What the only answer may say next. Beside others it would cost them time."""
        if len(self.slots) != 1 or self.waiting or slot.pending != 1 or not self._decoder.can_trim:
            return ()
        tokens = slot.holding.tokens
        left = min(slot.work.most - len(slot.work.said), self._decoder.context - len(tokens))
        return tuple(slot.lookup.propose(tokens)) if left > PROPOSED else ()

    def _compute(self, parts: Sequence[Part]) -> None:
        if all(part.slot.work.listener.gone for part in parts):
            return  # they left while their beginnings were being copied
        self.cache.make_room(sum(part.count + len(part.guess) for part in parts))
        code = self._decode(parts)
        if code == DONE:
            self._steps += 1
            self._advance(parts)
        elif code == NO_ROOM:
            self._make_room()
        elif code != ABORTED:
            self._isolate(parts, code)

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
            slot, work, holding = part.slot, part.slot.work, part.slot.holding
            row += part.count
            if slot.pending > 1:
                self._read_for[work.owner] += part.count
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
            self._fail(slot, error)
            return
        except Exception as error:  # one answer's grammar or reader is no reason to end the others'
            self._fail(slot, unforeseen(error))
            return
        if guess:
            self.cache.cut(holding, len(holding.tokens) - 1)
        if reason:
            self._end(slot, reason)

    # -- what can go wrong

    def _make_room(self) -> None:
        """The cache is full in spite of the reservations: let go what nobody uses, then put back an
        answer that has more than it was promised, or else the one that came last. It goes on later from
        what it has said so far."""
        if self.cache.make_room(self._decoder.cells - self.cache.used + 1):
            return
        if len(self.slots) > 1:
            last = max(self.slots, key=lambda slot: (slot.over, slot.work.started or 0.0))
            self.slots.remove(last)
            self.cache.park(last.holding)
            self.waiting.append(last.work)
            return
        for slot in list(self.slots):
            if slot.work.said:
                self._end(slot, "length")
            else:
                self._fail(slot, _failure("There is no room for it in the model's cache"))

    def _isolate(self, parts: Sequence[Part], code: int) -> None:
        """A step failed: compute each answer's part alone, so that only the one at fault fails."""
        for part in parts:
            alone = code if len(parts) == 1 else self._decode([part])
            if alone == DONE:
                self._advance([part])
            elif alone not in (NO_ROOM, ABORTED):
                self._fail(part.slot, _failure(f"llama.cpp could not decode it (code {alone})"))

    def _end(self, slot: Slot, reason: Reason) -> None:
        slot.work.listener.ended(reason)
        self._leave(slot)

    def _leave(self, slot: Slot) -> None:
        self.slots.remove(slot)
        slot.work.sampler.close()
        self.cache.park(slot.holding)

    def _fail(self, slot: Slot, error: PetraError) -> None:
        self.slots.remove(slot)
        slot.work.sampler.close()
        self.cache.close(slot.holding)
        slot.work.listener.failed(error)


def unforeseen(error: Exception) -> ModelUnavailable:
    """A fault of the program's own: where it happened goes to the log, nobody's text does."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(f"{type(error).__name__} in {where.name}, {where.filename}:{where.lineno}\n")
    return _failure(type(error).__name__)


def _too_slow(seconds: float) -> ModelUnavailable:
    return ModelUnavailable(
        "The model could not read the question in time",
        cause=f"An answer may take {seconds:.0f} s, and its prompt took all of it",
        remedy="Ask a shorter question, select less, or ask again when the machine is less busy",
    )


def _failure(cause: str) -> ModelUnavailable:
    return ModelUnavailable(
        "The model failed on this request", cause=cause, remedy="Ask again, or ask a shorter question"
    )
