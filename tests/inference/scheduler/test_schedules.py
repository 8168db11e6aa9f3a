"""Random schedules against what each answer is when it is written alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petra.errors import PetraError
from petra.inference.worker.batcher import Batcher, Options, Reason, Work
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Chosen, Row
from petra.inference.worker.engine import Sampling
from petra.inference.worker.scheduler.lookup import Lookup
from tests.inference.scheduler.stand_in import END, StandIn, alone, next_token


@dataclass
class Reader:
    said_tokens: list[int] = field(default_factory=list)
    gone: bool = False
    reason: Reason | None = None
    error: PetraError | None = None
    reused: int | None = None

    def began(self, reused: int) -> None:
        assert self.reused is None
        self.reused = reused

    def said(self, chosen: Chosen) -> Reason | None:
        assert self.reason is None and self.error is None
        self.said_tokens.append(chosen.token)
        return "stop" if chosen.token == END else None

    def ended(self, reason: Reason) -> None:
        assert self.reason is None and self.error is None
        self.reason = reason

    def failed(self, error: PetraError) -> None:
        assert self.reason is None and self.error is None
        self.error = error


COURSES = (list(range(1, 41)), list(range(40, 0, -1)))

prompts = st.builds(
    lambda course, shared, own: course[:shared] + own,
    st.sampled_from(COURSES),
    st.sampled_from([0, 20, 33, 40]),
    st.lists(st.integers(1, 9), min_size=1, max_size=60),
)


@dataclass(frozen=True)
class Ask:
    """A request: when it comes (in steps), and after how many more its reader goes, if at all."""

    prompt: list[int]
    at: int
    most: int
    owner: str | None
    public: int
    leaves_after: int | None
    reuse: bool
    follows: bool
    adapter: str | None


asks = st.lists(
    st.builds(
        Ask,
        prompts,
        st.integers(0, 40),
        st.integers(1, 25),
        st.sampled_from([None, "ann", "bob", "eve"]),
        st.sampled_from([0, 33, 40]),
        st.one_of(st.none(), st.none(), st.integers(0, 20)),
        st.sampled_from([True, True, True, False]),
        st.booleans(),
        st.sampled_from([None, None, None, "law"]),
    ),
    min_size=1,
    max_size=14,
)
# What decode answers at each step: mostly it works.
codes = st.lists(st.sampled_from([DONE] * 12 + [NO_ROOM, ABORTED, -1, -3]), max_size=40)


def half_right(self: Lookup, tokens: Sequence[int]) -> list[int]:
    """A guess whose first token is right in half of all places, and its second in half of those."""
    first, second = next_token(tokens), next_token([*tokens, next_token(tokens)])
    kind = len(tokens) % 4
    return [first if kind else first + 1, second if kind > 1 else second + 1]


def run(
    todo: Sequence[Ask],
    decoder: StandIn,
    options: Options,
) -> list[tuple[Ask, Work, Reader]]:
    time = 0.0

    def clock() -> float:
        nonlocal time
        time += 0.01
        return time

    batcher = Batcher(decoder, options, clock=clock)
    done: list[tuple[Ask, Work, Reader]] = []
    left = sorted(todo, key=lambda ask: ask.at)
    for tick in range(5000):
        while left and left[0].at <= tick:
            ask = left.pop(0)
            prompt = list(ask.prompt)
            if ask.follows and done:
                # A follow-up of somebody's earlier question, its answer included.
                before, _, reader = done[-1]
                prompt = [*before.prompt, *reader.said_tokens, *ask.prompt][: decoder.context - 30]
            reader = Reader()
            work = Work(
                prompt,
                decoder.sampler(Sampling(), prompt),
                reader,
                min(ask.most, decoder.context - len(prompt)),
                owner=ask.owner,
                public=min(ask.public, len(prompt)),
                adapter=ask.adapter,
                reserve=min(ask.most, 8),
                reuse=ask.reuse,
            )
            batcher.submit(work)
            done.append((Ask(prompt, tick, *list(ask.__dict__.values())[2:]), work, reader))
        for ask, _, reader in done:
            if ask.leaves_after is not None and tick - ask.at >= ask.leaves_after:
                reader.gone = True
        if batcher.idle and not left:
            break
        batcher.step()
        assert len(batcher.slots) <= options.places
        assert batcher.cache.used == decoder.used, "the ledger is not what is in the cache"
        named = [slot.work.owner for slot in batcher.slots if slot.work.owner]
        assert all(named.count(owner) <= options.per_person for owner in named)
    assert batcher.idle, "something waits for ever"
    return done


def check(done: Sequence[tuple[Ask, Work, Reader]], *, may_fail: bool) -> None:
    for ask, work, reader in done:
        whole = alone(ask.prompt, work.most)
        if reader.gone:
            assert reader.said_tokens == whole[: len(reader.said_tokens)]
        elif reader.error or (may_fail and reader.reason == "length"):
            # A cache that stays full ends even the only answer early, with what it has.
            assert may_fail and reader.said_tokens == whole[: len(reader.said_tokens)]
        else:
            assert reader.reason is not None
            assert reader.said_tokens == whole
            assert reader.reason == ("stop" if whole[-1] == END else "length")
        assert work.sampler.closed == 1  # type: ignore[attr-defined]


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    asks,
    st.booleans(),
    st.sampled_from([True, True, True, False]),
    st.integers(1, 6),
    st.sampled_from([0, 60, 10_000]),
    st.sampled_from([210, 320, 700]),
)
def test_every_schedule_gives_everybody_the_answer_they_get_alone(
    todo: list[Ask], unified: bool, can_trim: bool, places: int, park_bytes: int, cells: int
) -> None:
    decoder = StandIn(
        cells=cells if unified else 200 * (places + 3),
        sequences=places + 3,
        unified=unified,
        can_trim=can_trim,
    )
    options = Options(places=places, per_person=2, park_bytes=park_bytes, threads=2)
    with patch.object(Lookup, "propose", half_right):
        check(run(todo, decoder, options), may_fail=False)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(asks, codes, st.integers(1, 6))
def test_steps_that_fail_change_no_answer_of_others(
    todo: list[Ask], failures: list[int], places: int
) -> None:
    left = list(failures)

    def fault(rows: Sequence[Row]) -> int:
        return left.pop() if left else DONE

    decoder = StandIn(cells=400, sequences=places + 3, faults=fault)
    check(run(todo, decoder, Options(places=places, per_person=2, threads=2)), may_fail=bool(failures))
