"""What is in the cache, and how much of it a new prompt may go on from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

# A copy that saves fewer tokens than this is not worth waiting for.
WORTH_WAITING = 16
# So much longer has to be what a person left behind than what everybody shares: a sequence that goes on from
# it keeps a few cells far up in the cache, and every step looks at all cells below them.
WORTH_OWN = 32


class Kind(Enum):
    """Who uses a holding: an answer under way, nobody for now, or everybody."""

    ACTIVE = auto()
    PARKED = auto()
    PINNED = auto()


@dataclass(eq=False, slots=True)
class Holding:
    """The tokens of one sequence, of which `held` are computed.

    The first `public` tokens may be shared with everybody, the rest with the same `owner` only (None is
    the endpoint's owner). It is in the cache as `sequence`, or as `state` in memory, which then begins
    behind the first `start` tokens. `used` is when it last served, in seconds.
    """

    tokens: list[int]
    owner: str | None
    public: int = 0
    adapter: str | None = None
    kind: Kind = Kind.ACTIVE
    held: int = 0
    sequence: int | None = None
    state: bytes | None = None
    start: int = 0
    used: float = 0.0


@dataclass(frozen=True)
class Source:
    """The first `length` tokens of a holding, of which all are computed now if `ready`."""

    holding: Holding
    length: int

    @property
    def ready(self) -> bool:
        """Whether it can be copied now; otherwise the holder is still reading them."""
        return self.holding.held >= self.length


def common(a: Sequence[int], b: Sequence[int], limit: int) -> int:
    """How many tokens both begin with, at most `limit`. Compares by halves: slices compare in C."""
    low, high = 0, min(limit, len(a), len(b))
    if a[:high] == b[:high]:
        return max(high, 0)
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def shareable(
    holding: Holding,
    tokens: Sequence[int],
    owner: str | None,
    public: int,
    adapter: str | None,
    *,
    can_trim: bool = True,
) -> int:
    """How many tokens of a prompt may come from a holding, those that it has yet to compute included.

    One token is always left: choosing the next one takes a fresh result of the last. A model that cannot
    forget the end of a sequence (`can_trim` false) can only go on from all of it.
    """
    if holding.adapter != adapter:
        return 0
    limit = len(tokens) - 1
    if holding.kind is Kind.PINNED or holding.owner != owner:
        limit = min(limit, holding.public, public)
    if holding.kind is not Kind.ACTIVE:
        limit = min(limit, holding.held)
    length = common(holding.tokens, tokens, limit)
    if can_trim:
        return length
    return length if holding.kind is not Kind.ACTIVE and length == holding.held else 0


def best(
    holdings: Iterable[Holding],
    tokens: Sequence[int],
    owner: str | None,
    public: int,
    adapter: str | None,
    *,
    can_trim: bool = True,
) -> Source | None:
    """The longest beginning to go on from, None without any; a parked one where it is longer by WORTH_OWN.
    Of equal ones, what is in the cache comes before what is in memory, and what is computed before what
    is not yet."""
    found: Source | None = None
    rank: tuple[int, bool, bool] | None = None
    for holding in holdings:
        length = shareable(holding, tokens, owner, public, adapter, can_trim=can_trim)
        ready = holding.held >= length
        # Nobody waits for a few tokens: then as much as is there now.
        if not ready and length - holding.held < WORTH_WAITING:
            length, ready = holding.held, True
        worth = length - WORTH_OWN * (holding.kind is Kind.PARKED)
        mine = (worth, holding.sequence is not None, ready)
        if length > 0 and (rank is None or mine > rank):
            found, rank = Source(holding, length), mine
    return found
