"""What is looked at while the students are at it: memory, places, and next-token distributions."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from benchmarks.engine import canaries, distributions, load
from benchmarks.engine.distributions import Difference, Distribution
from benchmarks.engine.prompts import Course
from benchmarks.engine.servers import Server

COMPARED = 8
COMPARED_EVERY_S = 4.0


@dataclass
class Watched:
    """Samples of the worker's memory: seconds since the begin, MiB resident, and MiB of histories parked in
    it, which come and go under a budget; and how distributions in a batch differ from those alone."""

    times: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    parked: list[float] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    most_active: int = 0

    def slope(self) -> tuple[float, float]:
        """MiB an hour after the first third, by least squares, and the minutes it rests on."""
        times = np.array(self.times)
        held = np.array(self.resident) - np.array(self.parked)
        late = times >= times[-1] / 3
        slope = float(np.polyfit(times[late], held[late], 1)[0]) * 3600
        return slope, float(times[-1] - times[late][0]) / 60


async def references(server: Server, courses: list[Course], words: list[str]) -> list[Distribution | None]:
    """Each prompt's next token, alone."""
    return [
        await distributions.next_token(server, _prompt(courses, words, number), f"alone-{number}")
        for number in range(COMPARED)
    ]


async def compare(
    server: Server,
    courses: list[Course],
    words: list[str],
    alone: list[Distribution | None],
    watched: Watched,
    until: float,
) -> None:
    """The same prompts again and again while the others are at it. A new person reads the prompt anew; one
    who asked before has it parked."""

    async def one(turn: int) -> None:
        number = turn % len(alone)
        person = f"again-{number}" if turn % 3 else f"new-{turn}"
        there = await distributions.next_token(server, _prompt(courses, words, number), person)
        reference = alone[number]
        if there and reference:
            watched.differences.append(distributions.difference(reference, there))

    async with asyncio.TaskGroup() as asked:
        for turn in itertools.count():
            if time.monotonic() >= until:
                return
            asked.create_task(one(turn))
            await asyncio.sleep(COMPARED_EVERY_S)


def _prompt(courses: list[Course], words: list[str], number: int) -> list[dict[str, str]]:
    lesson = courses[number % len(courses)]
    return [lesson.system, canaries.question(lesson, number, 1000 + number, words[number])]


async def watch(server: Server, watched: Watched, until: float) -> None:
    """Weigh the worker every second."""
    process = psutil.Process(server.pid)
    begin = time.monotonic()
    while time.monotonic() < until:
        health = await load.get(server, "/health")
        watched.times.append(time.monotonic() - begin)
        watched.resident.append(process.memory_info().rss / (1 << 20))
        watched.parked.append(int(health.get("parked_bytes") or 0) / (1 << 20))
        watched.most_active = max(watched.most_active, int(health.get("active") or 0))
        await asyncio.sleep(1.0)


async def settled(server: Server) -> Mapping[str, Any]:
    """The worker's health once it is at rest, or after ten seconds."""
    for _ in range(100):
        health: dict[str, Any] = await load.get(server, "/health")
        if not health["busy"] and not health["queued"]:
            return health
        await asyncio.sleep(0.1)
    return health


def handles(server: Server) -> int:
    """Files and sockets that the worker has open."""
    process = psutil.Process(server.pid)
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


def timeline(watched: Watched, points: int = 40) -> list[tuple[int, int, int]]:
    """Seconds, MiB resident and MiB of it parked, now and then."""
    samples = list(zip(watched.times, watched.resident, watched.parked, strict=True))
    return [(int(at), int(mib), int(kept)) for at, mib, kept in samples[:: max(1, len(samples) // points)]]
