"""What moves between the cache and memory, and what others may go on from afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from petra.inference.worker.batcher import Batcher, Options, Work
from petra.inference.worker.cache import MOST_PINNED, RESTING_SHARE
from petra.inference.worker.engine import Sampling
from petra.inference.worker.scheduler.prefixes import Kind
from tests.inference.scheduler.stand_in import StandIn, alone
from tests.inference.scheduler.test_schedules import Reader

PUBLIC, MOST = 60, 6


def course(number: int) -> list[int]:
    """The public beginning of a course's prompts, unlike every other's."""
    return [10 + number] * PUBLIC


class Class:
    """Students of several courses at one batcher."""

    def __init__(self, *, park_bytes: int = 10_000, sequences: int = 20) -> None:
        self.decoder = StandIn(cells=2000, sequences=sequences)
        ticks = count()
        options = Options(places=8, park_bytes=park_bytes, threads=2)
        self.batcher = Batcher(self.decoder, options, clock=lambda: float(next(ticks)))

    def ask(self, *questions: tuple[int, str], own: int = 5, most: Sequence[int] = ()) -> list[Reader]:
        """Everybody (course, name) asks at once; each gets the whole right answer."""
        asked = []
        for (number, name), longest in zip(questions, most or [MOST] * len(questions), strict=True):
            tokens = [*course(number), *(ord(name[0]) % 40 for _ in range(own))]
            reader = Reader()
            sampler = self.decoder.sampler(Sampling(), tokens)
            self.batcher.submit(Work(tokens, sampler, reader, longest, owner=name, public=PUBLIC))
            asked.append((tokens, longest, reader))
        while not self.batcher.idle:
            self.batcher.step()
            assert self.batcher.cache.used == self.decoder.used
        for tokens, longest, reader in asked:
            assert reader.said_tokens == alone(tokens, longest)
        return [reader for *_, reader in asked]

    @property
    def pinned(self) -> tuple[int, int]:
        """Pinned beginnings in the cache, and in memory."""
        pinned = [kept for kept in self.batcher.cache.kept if kept.kind is Kind.PINNED]
        present = sum(kept.sequence is not None for kept in pinned)
        return present, len(pinned) - present


def test_a_course_that_nobody_asks_about_takes_no_cells_from_another() -> None:
    everyone = Class()
    everyone.ask((1, "ann"))
    alone_in_it = everyone.decoder.used
    for number in range(2, 7):
        everyone.ask((number, "ann"))
    assert everyone.pinned == (1, 5)
    assert everyone.decoder.used <= alone_in_it * (1 + RESTING_SHARE)


def test_a_course_comes_back_once_for_all_who_share_it() -> None:
    everyone = Class()
    everyone.ask((1, "ann"))
    everyone.ask((2, "bob"))
    assert everyone.pinned == (1, 1)
    before = everyone.decoder.decoded
    readers = everyone.ask(*((1, name) for name in ("cy", "dan", "eve", "fay")), own=3)
    assert [reader.reused for reader in readers] == [PUBLIC] * 4
    assert everyone.decoder.decoded - before <= 4 * (3 + MOST)
    # Bob's course has gone, and there is one copy of theirs.
    assert everyone.decoder.used <= PUBLIC + 4 * (3 + MOST) + (PUBLIC + 3 + MOST) * RESTING_SHARE


def test_a_history_comes_back_behind_its_course_from_memory() -> None:
    everyone = Class()
    everyone.ask((1, "ann"), own=40)
    for number in (2, 3):
        everyone.ask((number, "bob"), own=40)
    ann = next(kept for kept in everyone.batcher.cache.kept if kept.owner == "ann")
    assert ann.sequence is None and ann.start == PUBLIC, "its beginning is not kept twice"
    before = everyone.decoder.decoded
    [reader] = everyone.ask((1, "ann"), own=40)
    assert reader.reused is not None and reader.reused > PUBLIC
    assert everyone.decoder.decoded - before <= MOST + 1


def test_what_answers_under_way_share_is_not_moved() -> None:
    everyone = Class()
    moved: list[list[int]] = []
    save = everyone.decoder.save

    def watched(sequence: int, start: int = 0) -> bytes:
        moved.append(everyone.decoder.tokens[sequence][start:])
        return save(sequence, start)

    everyone.decoder.save = watched  # type: ignore[method-assign]
    everyone.ask((1, "ann"), (2, "bob"), own=40)
    moved.clear()
    # Of all that rests now course 2 is used last, but a long answer goes on in course 1.
    everyone.ask((1, "fay"), (2, "dan"), own=40, most=[60, 3])
    assert course(2) in moved and course(1) not in moved


def test_a_course_is_let_go_before_what_begins_with_it_only_if_nothing_else_is_left() -> None:
    # Room in memory for a course and two histories of it.
    everyone = Class(park_bytes=PUBLIC + 2 * 20)
    everyone.ask((1, "ann"), (1, "bob"))
    everyone.ask((2, "eve"), own=100)
    kinds = [kept.kind for kept in everyone.batcher.cache.kept if kept.sequence is None]
    assert kinds.count(Kind.PINNED) == 1 and kinds.count(Kind.PARKED) == 2
    everyone.ask((3, "fay"), own=100)
    for kept in everyone.batcher.cache.kept:
        if kept.sequence is None and kept.start:
            assert any(
                base.kind is Kind.PINNED and base.tokens == kept.tokens[:PUBLIC]
                for base in everyone.batcher.cache.kept
            )
    assert everyone.batcher.cache.parked_bytes <= PUBLIC + 2 * 20


def test_many_courses_at_once() -> None:
    everyone = Class()
    everyone.ask(*((number, f"{chr(97 + number)}") for number in range(8)))
    present, away = everyone.pinned
    assert present <= MOST_PINNED and present + away == 8
    readers = everyone.ask(*((number, f"{chr(105 + number)}") for number in range(8)))
    assert [reader.reused for reader in readers] == [PUBLIC] * 8
    assert everyone.batcher.cache.parked_bytes == sum(
        len(kept.state or b"") for kept in everyone.batcher.cache.kept
    )
