"""What is measured: one function for each row. All take a running server and a seed, ask it over HTTP, and
return figures by name. The same seed asks both servers the same; another one a course nobody has read."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.engine import load, memory
from benchmarks.engine.prompts import Course, course
from benchmarks.engine.responses import Answer
from benchmarks.engine.servers import Server

Figures = dict[str, float]


async def one_stream(server: Server, seed: int) -> Figures:
    """One student alone, course known: tokens a second after the first; the median of ten answers, because
    one takes a second, in which a shared machine is now quick and now slow."""
    lesson = course(seed)
    await load.ask(server, lesson.question(0), "student-0", 1)
    answers = [await load.ask(server, lesson.question(0, turn), "student-0") for turn in range(1, 11)]
    return {"tokens/s": statistics.median(answer.decode_rate for answer in answers)}


async def class_of(server: Server, seed: int, students: int, warm_rounds: int = 1) -> Figures:
    """`students` begin at once on a course that is new to the server; then all ask again.

    Cold: seconds to the first token of the last one. Warm: all tokens over the time from the first request
    to the last token, reading the questions included."""
    lesson = course(seed)
    cold = await together(server, lesson, range(students), 0)
    rates = []
    for turn in range(1, warm_rounds + 1):
        warm = await together(server, lesson, range(students), turn)
        rates.append(aggregate_rate(warm))
    return {
        "cold: last first token s": max(first_times(cold)),
        "cold: median first token s": statistics.median(first_times(cold)),
        "cold: all done s": span(cold),
        "warm: tokens/s": statistics.median(rates),
        "warm: median first token s": statistics.median(first_times(warm)),
        "warm: median gap ms": 1000 * statistics.median(gap for answer in warm for gap in answer.gaps()),
    }


async def follow_up(server: Server, seed: int, tokens: int = 2000) -> Figures:
    """The next question in a conversation of `tokens`: seconds to its first token; three in a row."""
    lesson = course(seed)
    messages = lesson.conversation(0, tokens)
    answer = await load.ask(server, messages, "student-0")
    waits = []
    for turn in range(100, 103):
        messages = [*messages, {"role": "assistant", "content": answer.text}, lesson.ask(0, turn)]
        answer = await load.ask(server, messages, "student-0")
        waits.append(answer.first)
    return {
        "first token ms": 1000 * statistics.median(waits),
        "prompt tokens": answer.usage["prompt_tokens"],
        "read anew tokens": answer.usage["prompt_tokens"] - _cached(answer),
    }


async def newcomer(server: Server, seed: int, streams: int = 6, tokens: int = 1900) -> Figures:
    """A prompt of `tokens` arrives while others read along: their worst gap between two tokens from its
    arrival to its first token, and for comparison in the second before."""
    lesson = course(seed)
    await together(server, lesson, range(streams), 0)
    readers = [
        await load.start(server, load.chat_body(lesson.question(student, 1), f"student-{student}", 600))
        for student in range(streams)
    ]
    for reader in readers:
        await reader.first_token()
    await asyncio.sleep(1.0)
    arrives = time.perf_counter()
    new = await load.ask(server, lesson.long_question(streams, tokens), "newcomer", 1)
    await asyncio.sleep(0.5)
    answers = [reader.so_far() for reader in readers]
    for reader in readers:
        reader.close()
    there = arrives + new.first
    if any(answer.finished for answer in answers):
        raise SystemExit(f"{server.name}: the streams ended before the long prompt was read")
    return {
        "worst gap ms": 1000 * max(max(answer.gaps(arrives, there)) for answer in answers),
        "worst gap before ms": 1000 * max(max(answer.gaps(arrives - 1.0, arrives)) for answer in answers),
        "newcomer's first token s": new.first,
        "tokens/s of the others": sum(_between(answer, arrives, there) for answer in answers) / new.first,
    }


async def fairness(server: Server, seed: int, others: int = 9, greedy: int = 20) -> Figures:
    """`others` students ask once each, alone and then after one person has sent `greedy` questions.
    Ratios of their waits; the figure is the largest. What the server refuses the greedy one is counted."""
    lesson = course(seed)
    await together(server, lesson, range(others + 1), 0)
    alone = await together(server, lesson, range(others), 1)
    flood = [
        await load.start(server, load.chat_body(lesson.question(others, turn), "greedy"))
        for turn in range(2, 2 + greedy)
    ]
    await asyncio.sleep(0.1)
    beside = await together(server, lesson, range(others), 2)
    done = [await asking.end() for asking in flood]
    found: Figures = {}
    for name, pick in (("median", statistics.median), ("worst", max)):
        for what in ("first", "total"):
            waits = [pick([getattr(answer, what) for answer in answers]) for answers in (beside, alone)]
            found[f"{name} {what} ×"] = waits[0] / waits[1]
    return {
        "largest ratio": max(found.values()),
        **found,
        "median total alone s": statistics.median(answer.total for answer in alone),
        "refused": sum(answer.error is not None for answer in done),
    }


async def cancel(server: Server, seed: int) -> Figures:
    """The only place is taken and somebody waits: from closing the taker's connection to the first token
    of who waits (one word, so that hardly anything has to be read). While the taker's prompt is being
    read, and while it writes."""
    lesson = course(seed)
    prefill, decode = [], []
    for turn in range(3):
        prefill.append(await _handed_over(server, lesson.long_question(turn, 1900), written=False))
        decode.append(await _handed_over(server, lesson.question(0, turn), written=True))
    return {
        "worst ms": 1000 * max(*prefill, *decode),
        "reading ms": 1000 * statistics.median(prefill),
        "writing ms": 1000 * statistics.median(decode),
    }


async def _handed_over(server: Server, messages: list[dict[str, str]], *, written: bool) -> float:
    taker = await load.start(server, load.chat_body(messages, "taker", 1000))
    if written:
        await taker.first_token()
    await asyncio.sleep(0.5)
    word = {
        "user": "waits",
        "prompt": "Hello",
        "max_tokens": 1,
        "temperature": 0,
        "stream": True,
        "ignore_eos": True,
    }
    waits = await load.start(server, word, load.PLAIN)
    await asyncio.sleep(0.5)
    before = taker.so_far()
    if before.finished or bool(before.arrivals) != written or waits.so_far().arrivals:
        raise SystemExit(f"{server.name}: the taker was not where it should be when it left")
    left = time.perf_counter()
    taker.close()
    answer = load.checked(server, await waits.end())
    return answer.arrivals[0][0] - left


async def weight(server: Server, seed: int, model: Path, students: int = 8) -> Figures:
    """Memory after a class has been answered, without the model's file and the KV cache."""
    await class_of(server, seed, students)
    return memory.weigh(server, await load.get(server, "/health"), model)


async def together(server: Server, lesson: Course, students: Sequence[int], turn: int) -> list[Answer]:
    """One question of each student, all at once."""
    return await asyncio.gather(
        *(
            load.ask(server, lesson.question(student, turn), f"student-{lesson.seed}-{student}")
            for student in students
        )
    )


def first_times(answers: Sequence[Answer]) -> list[float]:
    """Seconds to each first token, counted from the first request of all."""
    begin = min(answer.asked for answer in answers)
    return [answer.asked + answer.first - begin for answer in answers]


def span(answers: Sequence[Answer]) -> float:
    """Seconds from the first request to the last token."""
    return max(answer.asked + answer.total for answer in answers) - min(answer.asked for answer in answers)


def aggregate_rate(answers: Sequence[Answer]) -> float:
    """Tokens a second of all together."""
    return sum(answer.tokens for answer in answers) / span(answers)


def _cached(answer: Answer) -> int:
    return int((answer.usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))


def _between(answer: Answer, begin: float, end: float) -> int:
    return sum(begin <= at <= end for at, _ in answer.arrivals)
