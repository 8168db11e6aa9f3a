"""What is measured: one function for each row. All take a running server and a seed, ask it over HTTP, and
return figures by name. The same seed asks both servers the same; another one a course nobody has read."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Sequence

from benchmarks.engine import load
from benchmarks.engine.load import Answer
from benchmarks.engine.prompts import Course, course
from benchmarks.engine.servers import Server

Figures = dict[str, float]


async def one_stream(server: Server, seed: int) -> Figures:
    """One student alone, course known: tokens a second after the first; three answers."""
    lesson = course(seed)
    await load.ask(server, lesson.question(0), "student-0", 1)
    answers = [await load.ask(server, lesson.question(0, turn), "student-0") for turn in (1, 2, 3)]
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
