"""Which tokens one step computes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Demand:
    """One answer under way: `pending` tokens of it are not in the cache, 1 when it is being written.

    `served` tokens of prompts were read for this person lately; `ready` is false while it waits for
    another answer to read the beginning that both share.
    """

    key: int
    owner: Hashable
    adapter: str | None
    pending: int
    served: float
    ready: bool = True


@dataclass(frozen=True)
class Take:
    """The next `count` tokens of an answer."""

    key: int
    count: int


def plan(
    demands: Sequence[Demand], *, adapter: str | None, chunk: int, batch: int, first: int = 0
) -> list[Take]:
    """A step: one token of everybody who writes, then up to `chunk` tokens of prompts, at most `batch`.

    All rows of a step are computed with one `adapter`. Prompts are read in the order of persons: who has
    been read least goes first, and within a person first come, first served. `first` rotates the writing
    ones where they are more than a batch holds.
    """
    here = [demand for demand in demands if demand.adapter == adapter and demand.ready]
    writing = [demand for demand in here if demand.pending == 1]
    if len(writing) > batch:
        first %= len(writing)
        writing = (writing[first:] + writing[:first])[:batch]
    takes = [Take(demand.key, 1) for demand in writing]
    room = min(chunk, batch - len(takes))
    persons: dict[Hashable, list[Demand]] = {}
    for demand in here:
        if demand.pending > 1:
            persons.setdefault(demand.owner, []).append(demand)
    for queue in sorted(persons.values(), key=lambda queue: queue[0].served):
        for demand in queue:
            count = min(demand.pending, room)
            if count > 0:
                takes.append(Take(demand.key, count))
                room -= count
    return takes


def turn(demands: Sequence[Demand], last: str | None) -> str | None:
    """The adapter of the next step: each that somebody waits for in turn, after `last`."""
    wanted = sorted({demand.adapter or "" for demand in demands if demand.ready})
    if not wanted:
        return None
    after = [name for name in wanted if name > (last or "")]
    return (after or wanted)[0] or None
