"""When not everything fits: the cache, a prompt, the queue, one person's share. Nobody hangs, and
nobody's answer changes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

import pytest

from petra.inference.sse import Event
from tests.inference import gguf_files
from tests.inference.gguf_files import BACK, PAGE
from tests.inference.wire import Answer, Body, Refused, ask, events, get
from tests.inference.workers import worker

QUEUE = 3
# Seconds, even on a fast machine; always cancelled.
LONG = {"prompt": "endless text", "max_tokens": 15_000}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cache for about two answers."""
    folder = tmp_path_factory.mktemp("small")
    path = gguf_files.echo(folder / "page.gguf", back=PAGE)
    with worker(
        folder, "chat", f"--model={path}", "--context=512", "--kv-tokens=1024", "--queue=64"
    ) as address:
        yield address


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two answers at once, QUEUE that wait, one for each person."""
    folder = tmp_path_factory.mktemp("narrow")
    path = gguf_files.echo(folder / "echo.gguf")
    limits = (
        "--parallel=2",
        f"--queue={QUEUE}",
        "--per-person=1",
        "--context=16384",
        "--kv-tokens=40000",
        "--max-tokens=15000",
    )
    room = ("--context=16384", "--kv-tokens=40000")
    with worker(folder, "chat", f"--model={path}", *limits, *room) as address:
        yield address


def page(number: int) -> str:
    """A text of PAGE tokens that is nobody else's."""
    return (f"<{number:03}>" * PAGE)[:PAGE]


async def test_more_answers_than_the_cache_holds_wait_and_stay_whole(small: str) -> None:
    """Each needs 450 of 1024 tokens, and what is parked of those before must make room."""
    bodies: list[Body] = [
        {"prompt": page(number), "max_tokens": 300, "user": f"u{number}"} for number in range(12)
    ]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(ask(small, body) for body in bodies))
    assert [answer.text for answer in answers] == [page(number) * 2 for number in range(12)]
    assert any(answer.queue for answer in answers)
    assert (await get(small, "/health"))["queued"] == 0


async def test_several_answers_at_once_that_do_not_fit_together(small: str) -> None:
    """n = 4 of 200 + 300 tokens: refused by type, or written one after the other."""
    async with asyncio.timeout(30):
        try:
            answer = await ask(small, {"prompt": page(7) + page(7)[:50], "n": 4, "max_tokens": 300})
        except Refused as refused:
            assert refused.status in (400, 429), refused.error
        else:
            assert set(answer.reasons) == {0, 1, 2, 3}
    assert (await ask(small, {"prompt": page(8), "max_tokens": PAGE})).text == page(8)


@pytest.mark.parametrize("length", [512, 600, 10_000])
async def test_a_prompt_that_is_too_long_is_refused_and_says_by_how_many_tokens(
    small: str, length: int
) -> None:
    # Its BOS, and one token for an answer.
    over = length + 2 - 512
    other = asyncio.create_task(ask(small, {"prompt": page(1), "max_tokens": 300}))
    with pytest.raises(Refused, match=f"{over} tokens too long") as refused:
        await ask(small, {"prompt": "x" * length})
    assert (refused.value.status, refused.value.error["code"]) == (400, "context_length_exceeded")
    assert (await other).text == page(1) * 2


async def test_a_prompt_that_just_fits_has_an_answer_of_one_token(small: str) -> None:
    answer = await ask(small, {"prompt": "x" * (510 - PAGE) + page(2)})
    assert (answer.text, answer.reason) == (page(2)[0], "length")


@asynccontextmanager
async def running(address: str, *bodies: Body) -> AsyncIterator[list[AsyncIterator[Event]]]:
    """Answers that have begun; they are cancelled at the end."""
    async with AsyncExitStack() as stack:
        streams = []
        for body in bodies:
            stream = await stack.enter_async_context(aclosing(events(address, "/v1/completions", body)))
            await anext(stream)
            streams.append(stream)
        yield streams


async def queued(address: str, count: int) -> None:
    """Wait until so many requests wait."""
    async with asyncio.timeout(10):
        while (await get(address, "/health"))["queued"] != count:
            await asyncio.sleep(0.01)


async def test_who_waits_knows_the_place_and_who_is_too_many_is_refused(narrow: str) -> None:
    answers = [Answer() for _ in range(QUEUE)]
    async with AsyncExitStack() as stack:
        waiting = []
        async with running(narrow, LONG, LONG):
            for number, answer in enumerate(answers):
                body = {"prompt": f"number {number:05}", "max_tokens": BACK}
                stream = await stack.enter_async_context(aclosing(events(narrow, "/v1/completions", body)))
                answer.take(await anext(stream))
                waiting.append(stream)
            with pytest.raises(Refused) as refused:
                await ask(narrow, {"prompt": "one too many"})
            assert (refused.value.status, refused.value.error["code"]) == (429, "busy")
        for stream, answer in zip(waiting, answers, strict=True):
            async for event in stream:
                answer.take(event)
    assert [answer.text for answer in answers] == [f"number {number:05}" for number in range(QUEUE)]
    places = [[place["position"] for place in answer.queue] for answer in answers]
    assert [place[0] for place in places] == list(range(QUEUE))
    assert all(place == sorted(place, reverse=True) for place in places)
    assert all("estimate_s" in place for answer in answers for place in answer.queue)


async def test_a_request_for_many_answers_waits_with_all_of_them(narrow: str) -> None:
    async with running(narrow, LONG, LONG):
        with pytest.raises(Refused, match="queue is full"):
            await ask(narrow, {"prompt": "too many", "n": QUEUE + 1})
    await queued(narrow, 0)
    async with running(narrow, LONG | {"n": 2 + QUEUE}):
        await queued(narrow, QUEUE)
        with pytest.raises(Refused, match="queue is full"):
            await ask(narrow, {"prompt": "one too many"})


async def test_many_at_the_same_moment_are_no_more_than_the_queue_takes(narrow: str) -> None:
    async def one(number: int) -> str:
        try:
            return (await ask(narrow, {"prompt": f"number {number:05}", "max_tokens": BACK})).text
        except Refused as refused:
            return str(refused.status)

    async with running(narrow, LONG, LONG):
        asked = [asyncio.create_task(one(number)) for number in range(10 * QUEUE)]
        async with asyncio.timeout(10):
            while sum(task.done() for task in asked) < 9 * QUEUE:
                await asyncio.sleep(0.01)
        await queued(narrow, QUEUE)  # a refusal may be there before the others are tokenised
    said = await asyncio.gather(*asked)
    assert said.count("429") == 9 * QUEUE
    assert all(text in ("429", f"number {number:05}") for number, text in enumerate(said))


async def test_who_goes_away_while_waiting_frees_the_place(narrow: str) -> None:
    async with running(narrow, LONG, LONG):
        waiting = [asyncio.create_task(ask(narrow, {"prompt": "a", "max_tokens": 2})) for _ in range(3)]
        await queued(narrow, 3)
        waiting[1].cancel()
        await queued(narrow, 2)
        last = asyncio.create_task(ask(narrow, {"prompt": "takes the place", "max_tokens": BACK}))
        await queued(narrow, 3)
    assert (await last).text == "es the place"
    await asyncio.gather(waiting[0], waiting[2])


async def test_one_person_with_many_requests_leaves_room_for_the_others(narrow: str) -> None:
    ann = LONG | {"user": "ann"}
    async with running(narrow, ann):
        more = asyncio.create_task(ask(narrow, ann | {"max_tokens": 1}))
        await queued(narrow, 1)
        # A free place is not for her; somebody who comes later has it at once.
        bob = await ask(narrow, {"prompt": "said for bob", "max_tokens": BACK, "user": "bob"})
        assert bob.text == "said for bob"
        assert (await get(narrow, "/health"))["queued"] == 1
    assert (await more).text == "e"


async def test_the_owner_has_no_cap(narrow: str) -> None:
    async with running(narrow, LONG, LONG):
        assert (await get(narrow, "/health"))["queued"] == 0
