"""Ten minutes with fifty clients that come, go, cancel and stall.

    make soak-engine                        ends with status 1 when a rule was broken
    make soak-engine ARGS="--minutes 2"     shorter; the slope of the memory is then only told

Rules: every error has a type that fits; no answer has another's code word; nothing comes after an end; a
batch changes no next-token distribution by more than KL 0.02, and no choice that was sure; memory does not
grow; afterwards every place is free. Timings are told, and break no rule.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.engine import canaries, conditions, distributions, load, our, servers
from benchmarks.engine.distributions import Difference, Distribution
from benchmarks.engine.prompts import Course, course
from benchmarks.engine.servers import Server
from benchmarks.engine.students import Student, Tally

COURSES = 2
PLACES = 16
QUEUE = 24
CONTEXT = 4096
PARKED_MIB = 64
SHARED_PROMPTS = 8

MOST_DIVERGENCE = 0.02
MOST_GROWTH_MIB_H = 100.0
LEAST_OWN_WORDS = 0.2
JUDGED_MINUTES = 5.0
"""A shorter run says nothing about memory: caches are still filling."""


@dataclass
class Watched:
    """Samples of the worker's memory: seconds since the begin and MiB without parked histories; and how
    distributions in a batch differ from those alone."""

    times: list[float] = field(default_factory=list)
    mib: list[float] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    most_active: int = 0

    def slope(self) -> tuple[float, float]:
        """MiB an hour after the first third, by least squares, and the minutes it rests on."""
        begin = self.times[-1] / 3
        kept = [(at, mib) for at, mib in zip(self.times, self.mib, strict=True) if at >= begin]
        times, mib = zip(*kept, strict=True)
        return float(np.polyfit(times, mib, 1)[0]) * 3600, (times[-1] - times[0]) / 60


async def soak(server: Server, clients: int, minutes: float) -> tuple[Tally, Watched, dict[str, Any]]:
    """All of it. The references for the distributions are taken first, when nobody else asks."""
    courses = [course(90 + number) for number in range(COURSES)]
    words = canaries.code_words(clients)
    tally, watched = Tally(), Watched()
    alone = await references(server, courses, words)
    handles = _handles(server)
    until = time.monotonic() + 60 * minutes
    students = [Student(server, courses[i % COURSES], i, words, tally) for i in range(clients)]
    await asyncio.gather(
        watch(server, watched, until),
        compare(server, courses, words, alone, watched, until),
        *(student.live(until) for student in students),
    )
    health = await settled(server)
    return tally, watched, {"health": health, "handles": [handles, _handles(server)]}


async def references(server: Server, courses: list[Course], words: list[str]) -> list[Distribution | None]:
    """Each prompt's next token, alone."""
    return [
        await distributions.next_token(server, _prompt(courses, words, number), f"alone-{number}")
        for number in range(SHARED_PROMPTS)
    ]


async def compare(
    server: Server,
    courses: list[Course],
    words: list[str],
    alone: list[Distribution | None],
    watched: Watched,
    until: float,
) -> None:
    """The same prompts again and again while the others are at it. A new person each time reads the prompt
    anew; one who asked before has it parked."""
    turn = 0
    while time.monotonic() < until:
        await asyncio.sleep(2.0)
        number = turn % len(alone)
        person = f"again-{number}" if turn % 3 else f"new-{turn}"
        there = await distributions.next_token(server, _prompt(courses, words, number), person)
        reference = alone[number]
        if there and reference:
            watched.differences.append(distributions.difference(reference, there))
        turn += 1


def _prompt(courses: list[Course], words: list[str], number: int) -> list[dict[str, str]]:
    lesson = courses[number % COURSES]
    return [lesson.system, canaries.question(lesson, number, 1000 + number, words[number])]


async def watch(server: Server, watched: Watched, until: float) -> None:
    """Weigh the worker every second."""
    process = psutil.Process(server.pid)
    begin = time.monotonic()
    while time.monotonic() < until:
        health = await load.get(server, "/health")
        parked = int(health.get("parked_bytes") or 0)
        watched.times.append(time.monotonic() - begin)
        watched.mib.append((process.memory_info().rss - parked) / (1 << 20))
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


def _handles(server: Server) -> int:
    process = psutil.Process(server.pid)
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


def broken(tally: Tally, watched: Watched, after: Mapping[str, Any]) -> list[str]:
    """The rules that did not hold."""
    found = sorted(set(tally.wrong))
    if tally.happened["own code word"] < LEAST_OWN_WORDS * tally.happened["whole"]:
        found.append("too few answers have their own code word: a mix-up could go unseen")
    if not watched.differences:
        found.append("no distribution could be compared")
    elif (most := max(item.divergence for item in watched.differences)) >= MOST_DIVERGENCE:
        found.append(f"a batch changed a distribution by KL {most:.4f}")
    if changed := sum(item.changed for item in watched.differences):
        found.append(f"a batch changed {changed} choices that were sure")
    slope, minutes = watched.slope()
    if minutes >= JUDGED_MINUTES and slope > MOST_GROWTH_MIB_H:
        found.append(f"memory grows by {slope:.0f} MiB an hour")
    if after["health"]["busy"] or after["health"]["queued"]:
        found.append(f"nobody asks, and the worker is not at rest: {after['health']}")
    before, now = after["handles"]
    if now > before + 5:
        found.append(f"{now - before} files or sockets were left open")
    return found


def report(tally: Tally, watched: Watched, after: Mapping[str, Any], minutes: float) -> dict[str, Any]:
    """What happened, as JSON."""
    slope, over = watched.slope()
    divergences = [item.divergence for item in watched.differences] or [0.0]
    return {
        "minutes": minutes,
        "happened": dict(tally.happened),
        "refused": dict(tally.refused),
        "tokens_per_s": tally.tokens / minutes / 60,
        "first_token_s": quantiles(tally.waits),
        "gap_s": quantiles(tally.gaps),
        "most_active": watched.most_active,
        "memory_mib": [watched.mib[0], max(watched.mib), watched.mib[-1]],
        "memory_slope_mib_h": slope,
        "memory_slope_over_minutes": over,
        "distributions": len(watched.differences),
        "divergence": {"median": float(np.median(divergences)), "most": max(divergences)},
        "handles": after["handles"],
        "broken": broken(tally, watched, after),
    }


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile, and the most."""
    if not values:
        return {}
    found = np.quantile(values, (0.5, 0.95, 0.99, 1.0))
    return dict(zip(("p50", "p95", "p99", "most"), (round(float(value), 3) for value in found), strict=True))


def main() -> None:
    """Run, tell, and end with 1 when a rule was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a GGUF file (the default chat model)")
    parser.add_argument("--threads", type=int, default=conditions.cores())
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="only the JSON")
    options = parser.parse_args()
    model = options.model or servers.default_model()
    about = conditions.describe(model, options.threads)
    extra = {"--queue": str(QUEUE), "--park-bytes": str(PARKED_MIB << 20)}
    with our.serve(model, parallel=PLACES, context=CONTEXT, threads=options.threads, extra=extra) as server:
        found = report(*asyncio.run(soak(server, options.clients, options.minutes)), options.minutes)
    if not options.json:
        for name, value in found.items():
            if name != "broken":
                print(f"{name:<28}{value}")
        for rule in found["broken"]:
            print(f"BROKEN: {rule}")
    print(json.dumps({**about, "load_after": conditions.load(), **found}))
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
