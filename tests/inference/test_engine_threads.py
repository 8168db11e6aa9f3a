"""What crosses between the event loop and the generating thread: requests, cancels, errors, places in the
queue, and how long nothing has moved."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest

from petra.errors import Busy, ModelUnavailable
from petra.inference.worker import loading
from petra.inference.worker.batcher import Batcher, Options
from petra.inference.worker.chat import LlamaEngine
from petra.inference.worker.decoder import ABORTED, DONE, Row
from petra.inference.worker.engine import Ended, Generation, Piece, Sampling, Stopped, Waiting
from petra.inference.worker.generating import GeneratingThread
from petra.inference.worker.metrics import WorkerMetrics
from petra.inference.worker.options import EngineOptions, Limits
from petra.inference.worker.positions import Positions
from petra.inference.worker.queue_limits import refuse_when_full
from petra.inference.worker.stepper import LEAST_OVERDUE, Stepper
from petra.inference.worker.ticket import Answer, Events, Ticket, Vocabulary
from petra.inference.worker.work import Work
from tests.inference import gguf_files
from tests.inference.scheduler.stand_in import StandIn

VOCABULARY = Vocabulary(lambda token: bytes([97 + token % 26]), lambda token: False)
METRICS = WorkerMetrics("stand-in")
BROKEN = -99


def ticket(user: str | None = None) -> Ticket:
    return Ticket(Generation(prompt="a", user=user), 3, METRICS, running=1)


class Gate:
    """Where a step waits until it is let through or interrupted."""

    def __init__(self) -> None:
        self._state = threading.Condition()
        self._open = self._interrupted = False
        self.waiting = threading.Event()

    def open(self) -> None:
        with self._state:
            self._open = True
            self._state.notify_all()

    def interrupt(self, on: bool) -> None:
        with self._state:
            self._interrupted = on
            self._state.notify_all()

    def passed(self) -> bool:
        with self._state:
            self.waiting.set()
            assert self._state.wait_for(lambda: self._open or self._interrupted, timeout=100)
            return self._open


class Gated(StandIn):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
        return super().decode(rows, adapter) if self.gate.passed() else ABORTED

    def interrupt(self, on: bool) -> None:
        self.gate.interrupt(on)


class Generating:
    """A generating thread over a stand-in; `events` are those that were handed over, with whose they are."""

    def __init__(self, decoder: StandIn) -> None:
        self.decoder = decoder
        self.events: queue.SimpleQueue[tuple[Ticket, object]] = queue.SimpleQueue()
        self.thread = GeneratingThread(Batcher(decoder, Options()), decoder, METRICS, self._take)

    def _take(self, outgoing: Sequence[tuple[Ticket, Events]]) -> None:
        for whose, events in outgoing:
            for event in events:
                self.events.put((whose, event))

    def ask(self, most: int = 3) -> Ticket:
        asked = ticket()
        answer = Answer(asked, 0, VOCABULARY)
        self.thread.submit([Work([1, 2, 3], self.decoder.sampler(Sampling(), ()), answer, most)])
        return asked

    def end_of(self, asked: Ticket) -> object:
        """Its last event."""
        while True:
            whose, event = self.events.get(timeout=30)
            if whose is asked and not isinstance(event, Piece | Stopped | Waiting):
                return event


@pytest.fixture
def make() -> Iterator[Callable[[StandIn], Generating]]:
    made: list[Generating] = []

    def start(decoder: StandIn) -> Generating:
        made.append(Generating(decoder))
        return made[-1]

    yield start
    for one in made:
        one.thread.close()


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# -- the generating thread


def test_a_step_is_given_up_only_when_nobody_wants_it_any_more(
    make: Callable[[StandIn], Generating],
) -> None:
    decoder = Gated()
    room = make(decoder)
    first = room.ask()
    assert decoder.gate.waiting.wait(30)
    second = room.ask()
    decoder.gate.interrupt(True)  # so that the next step is of both
    until(lambda: room.thread.active == 2)
    until(lambda: len(room.thread._batcher.stepper.computing) == 2)
    for reader in (first, second):
        room.thread.give_up()
        assert room.thread.working and not decoder.gate._interrupted
        reader.gone = True
    room.thread.give_up()
    until(lambda: not room.thread.working)
    assert decoder.decoded == 0 and room.events.empty()


def test_a_fault_of_the_program_is_told_to_all_and_the_next_is_answered(
    make: Callable[[StandIn], Generating], capsys: pytest.CaptureFixture[str]
) -> None:
    faulty = threading.Event()

    def faults(rows: Sequence[Row]) -> int:
        if faulty.is_set():
            raise ZeroDivisionError("somebody's text")
        return DONE

    room = make(StandIn(faults=faults))
    faulty.set()
    ends = [room.end_of(room.ask()) for _ in range(2)]
    assert all(isinstance(end, ModelUnavailable) and end.cause == "ZeroDivisionError" for end in ends)
    assert "somebody" not in capsys.readouterr().err
    faulty.clear()
    assert isinstance(room.end_of(room.ask()), Ended)
    assert room.decoder.used == room.thread.health()["kv_cells_used"]


def test_who_left_before_the_answer_began_costs_no_step(make: Callable[[StandIn], Generating]) -> None:
    room = make(StandIn())
    gone = ticket()
    gone.gone = True
    sampler = room.decoder.sampler(Sampling(), ())
    room.thread.submit([Work([1, 2, 3], sampler, Answer(gone, 0, VOCABULARY), 5)])
    until(lambda: sampler.closed)
    until(lambda: not room.thread.working)
    assert room.decoder.decoded == 0


def test_a_step_that_takes_far_too_long_is_overdue_and_the_next_has_fewer_threads() -> None:
    class Slow(StandIn):
        seconds, code = 0.01, DONE

        def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
            overdue_at.append(stepper.overdue_at - now[0])
            now[0] += self.seconds
            if self.code == BROKEN:
                raise ZeroDivisionError
            return self.code

    now, overdue_at = [0.0], list[float]()
    decoder = Slow()
    stepper: Stepper[object] = Stepper(decoder, threads=4, rate=100, clock=lambda: now[0])

    def step() -> float:
        stepper.run([Row(1, 0, 0, True)], None, ("somebody",), writing=1, cells=0)
        assert stepper.computing == () and stepper.overdue_at == float("inf")
        return overdue_at[-1]

    assert step() == LEAST_OVERDUE and stepper.taken() == pytest.approx(0.01) and stepper.taken() == 0
    decoder.code = ABORTED
    step()
    assert stepper.threads.now == 4, "somebody left"
    decoder.seconds = 2.0
    step()
    assert stepper.threads.now < 4
    decoder.seconds, decoder.code = 10.0, DONE
    for _ in range(30):
        step()
    assert step() > 10, "it is the machine that is slow"
    decoder.code = BROKEN
    with pytest.raises(ZeroDivisionError):
        step()
    assert stepper.computing == () and stepper.overdue_at == float("inf")


# -- who may queue, and where they stand


def refused(user: str | None, waiting: dict[str | None, int], active: int, n: int = 1) -> str:
    """What is said to one request more, for `n` answers; two places, a queue of eight, of which two may be
    one person's."""
    try:
        refuse_when_full(Limits(queue=8, places=2, per_person=1), user, Counter(waiting), active, n)
    except Busy as busy:
        return busy.what
    return ""


def test_the_queue_is_full_for_everybody_and_earlier_for_who_fills_it() -> None:
    assert refused("eve", {"a": 2, "b": 2, "c": 2, "d": 1}, 2) == ""
    assert "queue is full" in refused("eve", {"a": 2, "b": 2, "c": 2, "d": 2}, 2)
    assert "queue is full" in refused(None, {"a": 2, "b": 2, "c": 2, "d": 2}, 2)
    assert refused("ann", {"ann": 1}, 2) == ""
    assert "your questions" in refused("ann", {"ann": 2}, 2)
    assert refused("bob", {"ann": 2}, 2) == ""


def test_each_answer_of_a_request_counts_and_no_request_is_refused_for_ever() -> None:
    others: dict[str | None, int] = {"a": 2, "b": 2, "c": 2}
    assert refused("eve", others, 2, n=2) == "" and refused(None, others, 2, n=2) == ""
    assert "queue is full" in refused(None, others, 2, n=3)
    assert "your questions" in refused("ann", {"ann": 1}, 2, n=2)
    assert refused("ann", {}, 0, n=16) == "" and refused(None, {}, 0, n=16) == ""
    assert "your questions" in refused("ann", {}, 2, n=3)
    assert "queue is full" in refused(None, {}, 1, n=16)


def test_free_places_count_and_the_owner_has_no_share() -> None:
    assert refused("ann", {"ann": 2}, 0) == ""
    assert "your questions" in refused("ann", {"ann": 3}, 0)
    assert refused(None, {None: 9}, 0) == ""
    assert "queue is full" in refused(None, {None: 10}, 0)


def waits(asked: Ticket) -> list[Waiting]:
    return [event for event in asked.ready if isinstance(event, Waiting)]


def test_who_waits_is_told_the_place_whenever_it_changes_and_only_then() -> None:
    places = Positions()
    assert places.due
    ann, bob = ticket("ann"), ticket("bob")
    begun = ticket("cy")
    begun.began(0)
    for _ in range(2):
        places.tell([begun, ann, ann, bob], active=1)  # ann wants two answers
    assert [waits(ann), waits(bob), waits(begun)] == [[Waiting(0, None)], [Waiting(1, None)], []]
    assert not places.due
    ann.began(0)
    places.tell([bob], active=1)
    assert waits(bob) == [Waiting(1, None), Waiting(0, None)]


def test_the_estimate_is_what_answers_have_taken_by_those_under_way() -> None:
    places = Positions()
    for seconds in (10.0, 20.0):
        over = ticket()
        over.admitted = time.monotonic() - seconds
        places.answered(over)
    gone = ticket()
    gone.admitted, gone.gone = time.monotonic() - 1000, True
    places.answered(gone)
    ann, bob = ticket(), ticket()
    places.tell([ann, bob], active=4)
    assert [waits(asked)[0].estimate_s for asked in (ann, bob)] == [3.0, 6.0]


# -- the engine


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LlamaEngine, Gate]]:
    """A real model whose steps wait at a gate."""
    options = EngineOptions(context=512, cells=1024, threads=1, flash_attention=False, unified=True)
    loaded = await asyncio.to_thread(loading.load, gguf_files.echo(tmp_path / "echo.gguf"), options)
    gate, decode, interrupt = Gate(), loaded.decoder.decode, loaded.decoder.interrupt

    def gated(rows: Sequence[Row], adapter: str | None = None) -> int:
        return decode(rows, adapter) if gate.passed() else ABORTED

    def interrupted(on: bool) -> None:
        interrupt(on)
        gate.interrupt(on)

    monkeypatch.setattr(loaded.decoder, "decode", gated)
    monkeypatch.setattr(loaded.decoder, "interrupt", interrupted)
    made = LlamaEngine("echo", loaded, options, WorkerMetrics("echo"))
    yield made, gate
    gate.open()
    await made.close()


async def test_a_model_that_is_stuck_is_seen_though_others_tokenise(engine: tuple[LlamaEngine, Gate]) -> None:
    made, gate = engine
    assert made.health()["progress_age_s"] == 0
    async with aclosing(made.generate(Generation(prompt="hello"))) as events:
        first = asyncio.ensure_future(anext(events))
        assert await asyncio.to_thread(gate.waiting.wait, 30)
        since = time.monotonic()
        for _ in range(5):
            await asyncio.sleep(0.02)
            await made.tokenize(["what a page asks for each question"])
        more = asyncio.create_task(made.tokenize(["and another"]))
        await asyncio.sleep(0)
        passed = time.monotonic() - since
        health = made.health()
        await more
        assert health["busy"] and health["progress_age_s"] >= round(passed, 3)
        gate.open()
        await first
    assert first.result()


async def test_who_reads_when_the_model_is_stopped_is_told(tmp_path: Path) -> None:
    options = EngineOptions(context=16_000, threads=1, flash_attention=False, unified=True)
    path = gguf_files.echo(tmp_path / "echo.gguf")
    made = await asyncio.to_thread(LlamaEngine.load, "echo", path, options)
    async with aclosing(made.generate(Generation(prompt="endless text"))) as events:
        assert isinstance(await anext(events), Piece)
        closing = asyncio.create_task(made.close())
        with pytest.raises(ModelUnavailable, match="being stopped"):
            async for _ in events:
                pass
        await closing
