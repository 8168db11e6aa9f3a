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
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine import canaries, conditions, our, servers
from benchmarks.engine.prompts import course
from benchmarks.engine.servers import Server
from benchmarks.engine.students import Student, Tally
from benchmarks.engine.watching import Watched, compare, handles, references, settled, timeline, watch

COURSES = 2
PLACES = 16
QUEUE = 24
CONTEXT = 4096
PARKED_MIB = 64

MOST_DIVERGENCE = 0.02
MOST_GROWTH_MIB_H = 100.0
LEAST_OWN_WORDS = 0.2
JUDGED_MINUTES = 5.0
"""A shorter run says nothing about memory: caches are still filling."""


async def soak(server: Server, clients: int, minutes: float) -> tuple[Tally, Watched, dict[str, Any]]:
    """All of it. The references for the distributions are taken first, when nobody else asks."""
    courses = [course(90 + number) for number in range(COURSES)]
    words = canaries.code_words(clients)
    tally, watched = Tally(), Watched()
    alone = await references(server, courses, words)
    before = handles(server)
    until = time.monotonic() + 60 * minutes
    students = [Student(server, courses[i % COURSES], i, words, tally) for i in range(clients)]
    await asyncio.gather(
        watch(server, watched, until),
        compare(server, courses, words, alone, watched, until),
        *(student.live(until) for student in students),
    )
    health = await settled(server)
    return tally, watched, {"health": health, "handles": [before, handles(server)]}


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
        "memory_mib": {"first": watched.resident[0], "most": max(watched.resident)},
        "memory_slope_mib_h": slope,
        "memory_slope_over_minutes": over,
        "timeline": timeline(watched),
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
            if name not in ("broken", "timeline"):
                print(f"{name:<28}{value}")
        for rule in found["broken"]:
            print(f"BROKEN: {rule}")
    print(json.dumps({**about, "load_after": conditions.load(), **found}))
    sys.exit(bool(found["broken"]))


if __name__ == "__main__":
    main()
