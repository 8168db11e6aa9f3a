"""Whose turn it is: in rotation by person, nobody starved by size."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# After so many seconds a request that is too big for what is free is not passed any more.
PATIENCE = 5.0
# So many requests that do not fit are looked at for one that does.
LOOK_AHEAD = 8


@dataclass(frozen=True)
class Candidate:
    """A waiting request: who asks (None: the endpoint's owner), and since when, in seconds."""

    number: int
    owner: str | None
    since: float


def in_turn(waiting: Sequence[Candidate], active: Iterable[str | None]) -> list[Candidate]:
    """The order of admission: who has fewest answers under way or before this one goes first, then who
    has waited longest."""
    counts = Counter(active)
    turns: list[tuple[int, float, int, Candidate]] = []
    for candidate in sorted(waiting, key=lambda one: (one.since, one.number)):
        turns.append((counts[candidate.owner], candidate.since, candidate.number, candidate))
        counts[candidate.owner] += 1
    return [turn[-1] for turn in sorted(turns, key=lambda turn: turn[:-1])]


def choose(
    waiting: Sequence[Candidate],
    active: Sequence[str | None],
    *,
    places: int,
    per_person: int,
    fits: Callable[[Candidate], bool],
    now: float,
) -> Candidate | None:
    """The next request to start, None when none can.

    At most `places` answers are written at once and `per_person` for one person; the endpoint's owner
    has no cap. A request that does not fit may be passed by smaller ones for PATIENCE seconds; then the
    others wait until it fits.
    """
    if len(active) >= places:
        return None
    counts = Counter(active)
    misfits = 0
    for candidate in in_turn(waiting, active):
        if candidate.owner is not None and counts[candidate.owner] >= per_person:
            continue
        if fits(candidate):
            return candidate
        misfits += 1
        if now - candidate.since > PATIENCE or misfits == LOOK_AHEAD:
            return None
    return None
