"""Who is measured when: the peer in all its settings first, then our worker and the best of them in turn."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine import conditions, our, peer
from benchmarks.engine.measures import Figures
from benchmarks.engine.peer import Setting
from benchmarks.engine.rows import Line, Row
from benchmarks.engine.servers import Server

BUSY = 0.05
"""From this share of the CPU on, other programs are worth a word."""


@dataclass(frozen=True)
class Plan:
    """What the person asked for. With one setting the peer has no choice."""

    model: Path
    threads: int
    repetitions: int
    settings: tuple[Setting, ...]


@dataclass
class Result:
    """All figures of a row: of the peer's settings when they were tried once, and of each repetition.
    `others` is the CPU share of other programs in each of those."""

    tried: dict[Setting, Figures] = field(default_factory=dict)
    best: dict[str, Setting] = field(default_factory=dict)
    ours: list[Figures] = field(default_factory=list)
    peers: dict[Setting, list[Figures]] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)

    def ratios(self, line: Line) -> list[float]:
        """Of each repetition, how many times better than the peer."""
        theirs = self.peers[self.best[line.figure]]
        return [line.better(a[line.figure], b[line.figure]) for a, b in zip(self.ours, theirs, strict=True)]


def run(row: Row, plan: Plan, usual: Setting) -> Result:
    """Measure a row. `usual` is the peer's setting where its choice is not tried."""
    result = Result()
    if row.tries and len(plan.settings) > 1:
        for setting in plan.settings:
            with _peer(row, plan, setting) as server:
                result.tried[setting] = _measure(row, server, 0)
    result.best = {line.figure: _best(result.tried, line) or usual for line in row.lines}
    with ExitStack() as stack:
        ours = stack.enter_context(
            our.serve(plan.model, parallel=row.parallel, context=row.context, threads=plan.threads)
        )
        chosen = dict.fromkeys(result.best.values())
        peers = {setting: stack.enter_context(_peer(row, plan, setting)) for setting in chosen}
        for repetition in range(row.repetitions or plan.repetitions):
            _take_turns(row, result, ours, peers, repetition)
    return result


def _take_turns(
    row: Row, result: Result, ours: Server, peers: Mapping[Setting, Server], repetition: int
) -> None:
    """One repetition of each; who begins changes. The seed is new to both, and the same."""
    for setting in [None, *peers] if repetition % 2 == 0 else [*peers, None]:
        server = ours if setting is None else peers[setting]
        with conditions.others_share(server.pid) as others:
            figures = _measure(row, server, repetition + 1)
        result.others.append(others.share)
        (result.ours if setting is None else result.peers.setdefault(setting, [])).append(figures)
        if others.share > BUSY:
            say(f"    other programs used {others.share:.0%} of the CPU")


def _measure(row: Row, server: Server, seed: int) -> Figures:
    async def call() -> Figures:
        return await row.measure(server, seed)

    figures = asyncio.run(call())
    say(f"    {server.name}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
    return figures


def _best(tried: Mapping[Setting, Figures], line: Line) -> Setting | None:
    best = max if line.faster else min
    return best(tried, key=lambda setting: tried[setting][line.figure]) if tried else None


def _peer(row: Row, plan: Plan, setting: Setting) -> AbstractContextManager[Server]:
    return peer.serve(plan.model, setting, parallel=row.parallel, context=row.context, threads=plan.threads)


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)
