"""The batcher's rules, each by itself, on a Decoder without a model and a clock that only steps move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from petra.errors import ModelUnavailable
from petra.inference.worker.batcher import Batcher, Options
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Chosen, Row
from petra.inference.worker.engine import Sampling
from petra.inference.worker.planner import ALONE, Planner
from petra.inference.worker.scheduler.admission import PATIENCE
from petra.inference.worker.scheduler.cost import StepCost
from petra.inference.worker.scheduler.lookup import PROPOSED
from petra.inference.worker.scheduler.prefixes import Holding, Kind
from petra.inference.worker.slots import Slot
from petra.inference.worker.work import Reason, Work
from tests.inference.readers import Reader
from tests.inference.scheduler.stand_in import StandIn, next_token

STEP, ROW = 0.02, 0.001
TARGET = 0.15
POISON = 99  # nobody says it by chance


class Timed(StandIn):
    """A step takes STEP and ROW for each of its rows; `steps` are those that were asked for, `codes` what
    came of them."""

    def __init__(self, faults: Callable[[Sequence[Row]], int] = lambda rows: DONE) -> None:
        super().__init__(cells=20_000, context=4000, sequences=40, faults=faults)
        self.batch = 512
        self.now = 0.0
        self.steps: list[list[Row]] = []
        self.codes: list[int] = []

    def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
        self.steps.append(list(rows))
        self.now += STEP + ROW * len(rows)
        self.codes.append(super().decode(rows, adapter))
        return self.codes[-1]

    def clock(self) -> float:
        return self.now


class Room:
    """A batcher over a Timed decoder."""

    def __init__(self, decoder: Timed | None = None, **options: int) -> None:
        self.decoder = decoder or Timed()
        self.batcher = Batcher(
            self.decoder,
            Options(step_seconds=TARGET, reading_rate=1 / ROW, **options),
            clock=self.decoder.clock,
        )

    def ask(
        self, prompt: Sequence[int], most: int = 4, reader: Reader | None = None, **work: object
    ) -> Reader:
        reader = reader or Reader()
        sampler = self.decoder.sampler(Sampling(), prompt)
        self.batcher.submit(Work(list(prompt), sampler, reader, most, **work))  # type: ignore[arg-type]
        return reader

    def until(self, done: Callable[[], object], most: int = 2000) -> int:
        for steps in range(most):
            if done():
                return steps
            self.batcher.step()
        raise AssertionError("never")

    def finish(self) -> None:
        self.until(lambda: self.batcher.idle)


def prompt(length: int, first: int = 1) -> list[int]:
    """So many tokens, which begin as none with another `first` does."""
    return [first, *(14 + (first + n) % 30 for n in range(length - 1))]


def alone(tokens: Sequence[int], most: int) -> list[int]:
    said = list(tokens)
    for _ in range(most):
        said.append(next_token(said))
    return said[len(tokens) :]


# -- what a step computes


def test_a_long_prompt_delays_nobodys_next_token_by_more_than_a_step_of_the_target() -> None:
    room = Room()
    writers = [room.ask([n, n], most=200, owner=f"w{n}") for n in range(6)]
    room.until(lambda: all(reader.said_tokens for reader in writers))
    late = room.ask(prompt(1900), owner="late")
    while not late.said_tokens:
        before = [len(reader.said_tokens) for reader in writers]
        began = room.decoder.now
        room.batcher.step()
        assert [len(reader.said_tokens) for reader in writers] == [said + 1 for said in before]
        assert room.decoder.now - began <= 1.1 * TARGET
    # And it is not read in driblets: most of the time of those steps is its own.
    assert sum(len(rows) > 80 for rows in room.decoder.steps) > 1900 / 140


def test_where_nobody_writes_a_step_may_be_longer() -> None:
    room = Room()
    room.ask(prompt(1900))
    room.batcher.step()
    assert 1.4 * TARGET < room.decoder.now <= TARGET * ALONE + STEP


def test_more_writers_than_a_step_takes_take_turns() -> None:
    room = Room(places=10)
    readers = [room.ask([n, n], most=60) for n in range(10)]
    room.until(lambda: all(reader.said_tokens for reader in readers))
    room.decoder.batch = 4
    before = [len(reader.said_tokens) for reader in readers]
    for _ in range(10):
        room.batcher.step()
    assert all(2 <= len(reader.said_tokens) - said <= 6 for reader, said in zip(readers, before, strict=True))


def planned(tokens: list[int], *, others: int = 0, queued: bool = False, most: int = 50) -> int:
    """How many tokens are guessed for an answer that is being written."""
    decoder = StandIn()
    slots = [
        Slot(Work(tokens, decoder.sampler(Sampling(), ()), Reader(), most), holding)
        for n in range(1 + others)
        for holding in (Holding([*tokens], None, held=len(tokens) - 1, sequence=n),)
    ]
    parts = Planner(decoder, StepCost(100), TARGET).plan(slots, {None: 0}, step=0, queued=queued)
    assert [part.count for part in parts] == [1] * (1 + others)
    return sum(len(part.guess) for part in parts)


def test_who_is_alone_has_the_next_tokens_guessed_and_nobody_else() -> None:
    quoting = [1, 2, 3, 4, 5, 6, 1, 2, 3]
    assert planned(quoting) == PROPOSED
    assert planned(quoting, others=1) == planned(quoting, queued=True) == 0
    assert planned(quoting, most=PROPOSED) == 0, "it may not have so many more"


# -- whose turn it is


def test_who_asks_much_does_not_delay_who_asks_once() -> None:
    def steps(others: int) -> int:
        room = Room(places=8)
        for n in range(others):
            room.ask(prompt(600, first=2 + n), owner="ann", reuse=False)
        room.batcher.step()
        bob = room.ask(prompt(600), owner="bob", reuse=False)
        return room.until(lambda: bob.said_tokens)

    # Every second step is his.
    assert steps(20) <= 2 * steps(0) + 2


def test_what_somebody_read_before_the_others_came_does_not_count_against_them() -> None:
    room = Room()
    room.ask(prompt(3000), owner="ann", most=500)
    room.until(lambda: len(room.decoder.steps) > 30)
    ann = room.ask(prompt(900, first=2), owner="ann", reuse=False)
    bob = room.ask(prompt(900, first=3), owner="bob", reuse=False)
    room.until(lambda: bob.said_tokens)
    # They were read in turn, so hers is all but done.
    assert room.until(lambda: ann.said_tokens) <= 2


def test_of_who_has_gone_nothing_is_kept_but_their_histories() -> None:
    room = Room()
    for n in range(50):
        room.ask(prompt(20, first=n), owner=f"o{n}")
    room.finish()
    assert len(room.batcher.slots.read) <= Options().places


def test_small_ones_pass_a_large_one_for_a_while_and_not_for_ever() -> None:
    room = Room()
    room.decoder.cells = 100
    small: list[Reader] = []

    def keep_asking() -> None:
        while sum(reader.reason is None for reader in small) < 4:
            most = 5 + len(small) % 7  # so that they do not all end at once
            small.append(room.ask([len(small) % 50] * 5, most=most, reserve=most))

    keep_asking()
    room.batcher.step()
    large = room.ask(prompt(10), most=80, reserve=80)
    since = room.decoder.now
    while large.reused is None:
        keep_asking()
        room.batcher.step()
        assert room.decoder.now - since < PATIENCE + 1
    assert sum(reader.reason is not None for reader in small) > 20
    room.finish()
    assert large.said_tokens == alone(prompt(10), 80)


# -- room, and what is shared


def serving(room: Room) -> list[object]:
    """Who has a slot."""
    return [slot.work.listener for slot in room.batcher.slots]


def test_what_was_promised_to_others_is_not_given_away() -> None:
    room = Room()
    room.decoder.cells = 100
    first = room.ask(prompt(10, first=2), most=60, reserve=60)
    large = room.ask(prompt(10, first=3), most=60, reserve=60)
    small = room.ask(prompt(5, first=4), most=5, reserve=5)
    room.batcher.step()
    assert serving(room) == [first, small]
    room.until(lambda: first.reason)
    assert large.reused is None, "it has not begun"
    room.finish()
    for reader, length, number, most in ((first, 10, 2, 60), (large, 10, 3, 60), (small, 5, 4, 5)):
        assert reader.said_tokens == alone(prompt(length, first=number), most)


def test_what_is_too_large_for_the_cache_has_what_there_is() -> None:
    room = Room()
    room.decoder.cells = 100
    large = room.ask(prompt(60), most=60, reserve=60)
    room.finish()
    assert large.reason == "length" and 35 < len(large.said_tokens) < 45
    assert large.said_tokens == alone(prompt(60), len(large.said_tokens))


COURSE = prompt(60)


def question(room: Room, owner: str, *, reuse: bool = True) -> Reader:
    own = [ord(owner[0])] * 5
    return room.ask([*COURSE, *own], most=20, reserve=20, owner=owner, public=60, reuse=reuse)


def test_what_three_share_is_read_once_and_takes_room_once() -> None:
    room = Room()
    room.decoder.cells = 140
    readers = [question(room, owner) for owner in ("ann", "bob", "cy")]
    room.batcher.step()
    assert serving(room) == readers
    assert [reader.reused for reader in readers] == [0, 60, 60]
    room.finish()
    assert [reader.said_tokens for reader in readers] == [
        alone([*COURSE, *[ord(letter)] * 5], 20) for letter in "abc"
    ]
    assert room.decoder.decoded == 60 + 3 * (5 + 19)
    anew = question(room, "ann", reuse=False)
    room.finish()
    assert anew.reused == 0 and room.decoder.decoded == 60 + 3 * (5 + 19) + 65 + 19


def test_when_who_reads_for_all_leaves_the_next_does() -> None:
    room = Room()
    room.decoder.batch = 16
    first, *others = [question(room, owner) for owner in ("ann", "bob", "cy")]
    for _ in range(2):
        room.batcher.step()
    first.gone = True
    room.finish()
    assert [reader.said_tokens for reader in others] == [
        alone([*COURSE, *[ord(letter)] * 5], 20) for letter in "bc"
    ]
    assert room.decoder.decoded <= 32 + 60 + 2 * (5 + 19)


def test_what_nobody_uses_leaves_before_a_step_needs_its_room() -> None:
    room = Room()
    room.decoder.cells = 100
    grows, short = room.ask(prompt(70), most=28), room.ask(prompt(16, first=2), most=3, owner="bob")
    room.until(lambda: short.reason)
    assert room.batcher.cache.used > 70 + 16, "it stays while there is room"
    room.finish()
    assert grows.said_tokens == alone(prompt(70), 28)
    assert set(room.decoder.codes) == {DONE}


def test_what_is_public_is_kept_for_everybody_once_it_was_read() -> None:
    room = Room()
    question(room, "ann")
    room.finish()
    pinned = [kept for kept in room.batcher.cache.kept if kept.kind is Kind.PINNED]
    assert [kept.tokens for kept in pinned] == [COURSE]


# -- what can go wrong


def test_who_makes_every_step_fail_fails_alone() -> None:
    room = Room(Timed(lambda rows: -3 if any(row.token == POISON for row in rows) else DONE))
    prompts = [prompt(40 + n, first=2 + n) for n in range(5)]
    others = [room.ask(tokens, most=20, owner=f"o{n}") for n, tokens in enumerate(prompts)]
    room.until(lambda: all(reader.said_tokens for reader in others[:2]))
    bad = room.ask([7, 7, POISON, 7], owner="eve")
    room.finish()
    assert isinstance(bad.error, ModelUnavailable) and "-3" in bad.error.cause
    assert [reader.error for reader in others] == [None] * 5
    assert [reader.said_tokens for reader in others] == [alone(tokens, 20) for tokens in prompts]
    for _ in range(room.decoder.sequences):
        room.ask([POISON, 7], owner="eve")
        room.finish()
    assert room.ask([7, 7]).error is None, "nothing is left of those who failed"
    room.finish()


def test_a_step_that_was_interrupted_is_taken_again_by_all() -> None:
    turns = iter(range(10_000))
    room = Room(Timed(lambda rows: ABORTED if next(turns) % 3 == 1 else DONE))
    prompts = [prompt(60, first=2 + n) for n in range(3)]
    readers = [room.ask(tokens, most=10) for tokens in prompts]
    room.finish()
    assert [reader.said_tokens for reader in readers] == [alone(tokens, 10) for tokens in prompts]
    assert all(len({row.sequence for row in rows}) == 3 for rows in room.decoder.steps)


def test_who_finds_no_room_goes_on_later() -> None:
    turns = iter(range(10_000))
    room = Room(Timed(lambda rows: NO_ROOM if next(turns) in (1, 5) else DONE))
    prompts = [prompt(60, first=2 + n) for n in range(3)]
    readers = [room.ask(tokens, most=10) for tokens in prompts]
    room.finish()
    assert [reader.said_tokens for reader in readers] == [alone(tokens, 10) for tokens in prompts]


def test_a_reader_that_breaks_ends_its_own_answer_only(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(Reader):
        def said(self, chosen: Chosen) -> Reason | None:
            raise ZeroDivisionError("a person's text")

    room = Room()
    broken, whole = room.ask([1, 2], reader=Broken()), room.ask([3, 4])
    room.finish()
    assert isinstance(broken.error, ModelUnavailable) and broken.error.cause == "ZeroDivisionError"
    assert whole.said_tokens == alone([3, 4], 4)
    logged = capsys.readouterr().err
    assert "ZeroDivisionError in said" in logged and "person" not in logged


def test_who_leaves_at_once_costs_no_step() -> None:
    class Leaves(Reader):
        def began(self, reused: int) -> None:
            self.gone = True

    room = Room()
    room.ask(prompt(100), reader=Leaves())
    room.finish()
    assert not room.decoder.steps


def test_an_answer_that_comes_to_its_end_with_the_last_token_is_whole() -> None:
    class Stops(Reader):
        def said(self, chosen: Chosen) -> Reason | None:
            super().said(chosen)
            return "stop" if len(self.said_tokens) == 4 else None

    room = Room()
    readers = [room.ask([1, 2], most=most, reader=Stops()) for most in (3, 4, 5)]
    room.finish()
    assert [reader.reason for reader in readers] == ["length", "stop", "stop"]


def test_after_a_fault_nothing_that_is_in_the_cache_is_trusted() -> None:
    room = Room()
    room.ask(prompt(100), public=60)
    room.finish()
    assert room.decoder.used and room.batcher.cache.kept
    under_way, queued = room.ask(prompt(50, first=2)), Reader()
    room.batcher.step()
    room.ask(prompt(50, first=3), reader=queued)
    room.batcher.slots.fail_all(ModelUnavailable("anything"))
    assert under_way.error and queued.error and room.batcher.idle
    assert not room.decoder.used and not room.batcher.cache.kept


def test_who_has_read_for_all_of_the_time_is_told_and_who_has_written_has_an_answer() -> None:
    room = Room()
    reads = room.ask(prompt(3900), owner="ann", seconds=1.0)
    writes = room.ask([1, 2], most=1000, owner="bob", seconds=1.0)
    patient = room.ask([3, 4], most=60, owner="eve")
    room.finish()
    assert isinstance(reads.error, ModelUnavailable) and "in time" in reads.error.what
    assert writes.reason == "length" and writes.said_tokens == alone([1, 2], len(writes.said_tokens))
    assert patient.said_tokens == alone([3, 4], 60)
    assert room.decoder.used == room.batcher.cache.used


def test_who_has_outgrown_the_promise_gives_way_and_goes_on_later() -> None:
    room = Room()
    room.decoder.cells = 100
    modest = room.ask(prompt(20, first=2), most=60, reserve=60)
    greedy = room.ask(prompt(15, first=3), most=60, reserve=1)
    room.until(lambda: room.batcher.slots.waiting and greedy.said_tokens)
    assert [work.listener for work in room.batcher.slots.waiting] == [greedy]
    assert [slot.work.listener for slot in room.batcher.slots] == [modest]
    room.finish()
    assert modest.said_tokens == alone(prompt(20, first=2), 60)
    assert greedy.said_tokens == alone(prompt(15, first=3), 60)
    assert greedy.reason == "length"
