"""Who holds what in the cache of keys and values, and what is kept for later.

When an answer ends, its sequence is parked: the follow-up question goes on from it. The beginning that a
caller marked public is pinned: everybody's next prompt may share it. Both stay in the cache while there
is room and nobody else is served, then move to memory, least recently used first. A pinned beginning
comes back once, for all who share it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from petra.inference.worker.decoder import Decoder
from petra.inference.worker.scheduler.cells import Cells
from petra.inference.worker.scheduler.prefixes import Holding, Kind, Source, best, common

MOST_PINNED = 4  # in the cache
LEAST_PINNED = 32  # tokens; reading fewer anew is cheaper than keeping them
LEAST_PARKED = 16
PARKED_PER_PERSON, PARKED_OF_NOBODY = 4, 64
# In a unified cache every step looks at every cell up to the last: what nobody uses costs the others time.
RESTING_SHARE = 0.25
MOST_LOST = 128  # tokens of another ending that are not worth a sequence of their own


class Cache:
    """The sequences of one Decoder. `park_bytes` is the budget in memory for what does not stay;
    `parked_bytes` is what of it is taken."""

    def __init__(
        self, decoder: Decoder, *, park_bytes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._decoder = decoder
        self._park_bytes = park_bytes
        self._clock = clock
        self._cells = Cells(unified=decoder.unified)
        self._free = list(range(decoder.sequences - 1, -1, -1))
        self.kept: list[Holding] = []
        self.parked_bytes = 0

    @property
    def used(self) -> int:
        """Cells taken."""
        return self._cells.used()

    @property
    def parked(self) -> int:
        """Sequences kept for a follow-up, in the cache or in memory."""
        return sum(holding.kind is Kind.PARKED for holding in self.kept)

    def find(self, wanted: Holding, active: Iterable[Holding]) -> Source | None:
        """What a new prompt may go on from, among what is kept and the answers under way."""
        return best(
            [*self.kept, *active],
            wanted.tokens,
            wanted.owner,
            wanted.public,
            wanted.adapter,
            can_trim=self._decoder.can_trim,
        )

    def open(self, holding: Holding, source: Source | None) -> bool:
        """Give a holding a sequence, and in it what `source` has of its tokens. False when every
        sequence is taken."""
        if source and self._take_over(holding, source):
            return True
        self._supersede(holding, source)
        spare = source.holding if source else None
        if not self._free and not self.make_room(0, sequences=1, spare=spare):
            return False
        holding.sequence = self._free.pop()
        if source:
            self.share(holding, source)
        return True

    def share(self, holding: Holding, source: Source) -> None:
        """Copy the beginning that a source has into a sequence that has nothing yet."""
        if holding.sequence is None:
            return
        giver = source.holding
        giver.used = self._clock()
        if giver.kind is Kind.PARKED and giver.sequence is None:
            self._restore(holding, source)
        elif source.ready and self._present(giver):
            holding.held = self._copy(giver, holding.sequence, source.length)

    def wrote(self, holding: Holding, tokens: int) -> None:
        """A step has put so many more tokens of a holding into the cache."""
        if holding.sequence is not None:
            self._cells.write(holding.sequence, tokens)
        holding.held += tokens

    def cut(self, holding: Holding, length: int) -> None:
        """Drop what is behind the first `length` tokens; all of it where the model cannot do less."""
        if holding.sequence is None:
            return
        holding.held = length if self._decoder.trim(holding.sequence, length) else 0
        self._cells.trim(holding.sequence, holding.held)

    def pin(self, holding: Holding) -> None:
        """Keep the public beginning of a holding that has just been read, for everybody."""
        length = min(holding.public, len(holding.tokens) - 1)
        if length < LEAST_PINNED or holding.held < length or not self._decoder.can_trim:
            return
        public = holding.tokens[:length]
        pinned = [kept for kept in self.kept if kept.kind is Kind.PINNED]
        for kept in pinned:
            if kept.adapter == holding.adapter and common(kept.tokens, public, length) == length:
                return
        present = [kept for kept in pinned if kept.sequence is not None]
        if len(present) >= MOST_PINNED:
            self._unload(_oldest(present))
        if not self._free:
            return
        sequence = self._free.pop()
        self._copy(holding, sequence, length)
        self.kept.append(
            Holding(public, None, length, holding.adapter, Kind.PINNED, length, sequence, used=self._clock())
        )

    def park(self, holding: Holding) -> None:
        """An answer has ended: keep what it has in the cache for its owner's next question."""
        if holding.sequence is None:
            return
        if holding.held < LEAST_PARKED:
            self.close(holding)
            return
        del holding.tokens[holding.held :]
        holding.kind, holding.used = Kind.PARKED, self._clock()
        own = [kept for kept in self.kept if kept.kind is Kind.PARKED and kept.owner == holding.owner]
        for kept in own:
            if kept.adapter == holding.adapter and (
                common(kept.tokens, holding.tokens, kept.held) == kept.held
            ):
                self._drop(kept)  # the new one begins with all of it
        own = [kept for kept in own if kept in self.kept]
        most = PARKED_PER_PERSON if holding.owner is not None else PARKED_OF_NOBODY
        if len(own) >= most:
            self._drop(min(own, key=lambda kept: kept.used))
        self.kept.append(holding)

    def forget(self) -> None:
        """Keep nothing of what nobody uses."""
        for kept in list(self.kept):
            self._drop(kept)

    def close(self, holding: Holding) -> None:
        """Forget a holding and free its sequence."""
        if holding.sequence is not None:
            self._clear(holding.sequence)
            self._free.append(holding.sequence)
        holding.sequence, holding.held = None, 0

    def settle(self) -> None:
        """While somebody is served, move one sequence that nobody uses to memory if those take too much
        room. One that has no cells to itself stays: a pinned beginning of an answer under way, for one."""
        resting = {kept.sequence: kept for kept in self.kept if kept.sequence is not None}
        used, others = self.used, self._cells.used(without=resting)
        if self._decoder.unified and used - others > RESTING_SHARE * others:
            apart = [one for sequence, one in resting.items() if self._cells.used(without={sequence}) < used]
            if apart:
                self._unload(_oldest(apart))

    def make_room(self, cells: int, *, sequences: int = 0, spare: Holding | None = None) -> bool:
        """Move to memory what nobody uses until so many cells and sequences are free: parked ones, then
        pinned ones. `spare` stays. False when that is not enough."""

        def enough() -> bool:
            return len(self._free) >= sequences and self._decoder.cells - self.used >= cells

        while not enough():
            idle = [kept for kept in self.kept if kept.sequence is not None and kept is not spare]
            if not idle:
                return False
            self._unload(min(idle, key=lambda kept: (kept.kind is Kind.PINNED, kept.used)))
        return True

    def room(self, spare: Holding | None = None) -> int:
        """Cells that are free, or would be if all but `spare` that nobody uses had gone."""
        idle = {kept.sequence for kept in self.kept if kept.sequence is not None and kept is not spare}
        return self._decoder.cells - self._cells.used(without=idle)

    def _take_over(self, holding: Holding, source: Source) -> bool:
        """Go on in a parked sequence itself where all but a little of it is wanted, as when a question is
        asked again: two that differ only at the end make every step longer."""
        old = source.holding
        if old.kind is not Kind.PARKED or old.sequence is None or old.owner != holding.owner:
            return False
        if old.held - source.length > MOST_LOST or (source.length < old.held and not self._decoder.can_trim):
            return False
        self.kept.remove(old)
        holding.sequence, holding.held = old.sequence, old.held
        self.cut(holding, source.length)
        return True

    def _supersede(self, holding: Holding, source: Source | None) -> None:
        """Drop what the same person left in the cache where little of it is not in the new prompt: beside
        it, it would make every step longer."""
        for kept in list(self.kept):
            resting = kept.kind is Kind.PARKED and kept.sequence is not None
            theirs = kept.owner == holding.owner is not None and kept.adapter == holding.adapter
            if not (resting and theirs) or (source and kept is source.holding):
                continue
            shared = common(kept.tokens, holding.tokens, kept.held)
            if shared >= kept.public and kept.held - shared <= MOST_LOST:
                self._drop(kept)

    def _restore(self, holding: Holding, source: Source) -> None:
        """Bring a sequence back from memory, its shared beginning from whoever still has it."""
        saved, sequence, state = source.holding, holding.sequence, source.holding.state
        if state is None or sequence is None:
            return
        if saved.start:
            base = next((kept for kept in self.kept if _begins(kept, saved)), None)
            if base is None:
                self._drop(saved)
                return
            if not self._present(base):
                return
            holding.held = self._copy(base, sequence, saved.start)
            if holding.held != saved.start:
                return
        missing = saved.held - saved.start
        if not self.make_room(missing, spare=saved) or not self._decoder.restore(
            sequence, state, saved.start
        ):
            self._clear(sequence)
            holding.held = 0
            return
        self._cells.write(sequence, missing)
        holding.held = saved.held
        if source.length == saved.held and saved.owner == holding.owner and saved in self.kept:
            self._drop(saved)
        self.cut(holding, source.length)

    def _present(self, pinned: Holding) -> bool:
        """Bring a pinned beginning back into the cache, for all who share it, unless it is there. False
        where there is no room."""
        if pinned.sequence is not None:
            return True
        pinned.used = self._clock()
        if not self.make_room(pinned.held, sequences=1) or pinned.state is None:
            return False
        sequence = self._free.pop()
        if not self._decoder.restore(sequence, pinned.state, 0):
            self._clear(sequence)
            self._free.append(sequence)
            return False
        self._cells.write(sequence, pinned.held)
        self.parked_bytes -= len(pinned.state)
        pinned.sequence, pinned.state = sequence, None
        return True

    def _unload(self, holding: Holding) -> None:
        """Move a sequence to memory; a parked one without a beginning that is pinned anyway."""
        if holding.sequence is None:
            return
        start = 0
        if self._decoder.unified and holding.kind is Kind.PARKED:
            limit = min(holding.public, holding.held - 1)
            for kept in self.kept:
                if kept.kind is Kind.PINNED and kept.adapter == holding.adapter:
                    shared = common(kept.tokens, holding.tokens, min(limit, kept.held))
                    if shared > start:
                        start = shared
                        kept.used = max(kept.used, holding.used)  # without it this one is of no use
        state = self._decoder.save(holding.sequence, start) if self._park_bytes else b""
        if not state or len(state) > self._park_bytes:
            self._drop(holding)
            return
        self._clear(holding.sequence)
        self._free.append(holding.sequence)
        holding.sequence, holding.state, holding.start = None, state, start
        self.parked_bytes += len(state)
        while self.parked_bytes > self._park_bytes:
            self._drop(_oldest(kept for kept in self.kept if kept.state))

    def _drop(self, holding: Holding) -> None:
        self.kept.remove(holding)
        self.parked_bytes -= len(holding.state or b"")
        holding.state = None
        self.close(holding)

    def _copy(self, source: Holding, target: int, length: int) -> int:
        """Returns how many tokens `target` has now: `length`, or none."""
        if source.sequence is None:
            return 0
        self._decoder.copy(source.sequence, target, length)
        copied = self._decoder.length(target)
        self._cells.copy(source.sequence, target, copied)
        return copied

    def _clear(self, sequence: int) -> None:
        self._decoder.trim(sequence, 0)
        self._cells.trim(sequence, 0)


def _oldest(holdings: Iterable[Holding]) -> Holding:
    """The least recently used one; of equals not the pinned one, from which others may begin."""
    return min(holdings, key=lambda holding: (holding.used, holding.kind is Kind.PINNED))


def _begins(base: Holding, saved: Holding) -> bool:
    """Whether a pinned beginning is one that a saved sequence can be put behind."""
    return (
        base.kind is Kind.PINNED
        and base.adapter == saved.adapter
        and common(base.tokens, saved.tokens, min(base.held, saved.start)) == saved.start
    )
