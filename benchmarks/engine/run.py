"""Petra's engine beside llama.cpp's own server: the same model, prompts and threads, both over HTTP.

    make bench-engine                          the table, then the same as one line of JSON
    make bench-engine ARGS="--quick"           one repetition of each row
    make bench-engine ARGS="--rows 8,cancel"   only these rows (--help names them)

For each row the peer is first tried in all its settings (flash attention, unified KV), once; then our worker
and the peer in its best setting take turns. A ratio is taken within a repetition; the table has the median
and the spread. Timings never fail the run; a missing or wrong answer does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.engine import conditions, measures, our, peer, servers
from benchmarks.engine.measures import Figures
from benchmarks.engine.peer import SETTINGS, Setting
from benchmarks.engine.servers import Server


@dataclass(frozen=True)
class Line:
    """A line of the table: a figure of a row. `faster` says that more of it is better; `aim` is a ratio to
    the peer, or with `most` a bound on our own figure."""

    title: str
    figure: str
    faster: bool = False
    aim: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Row:
    """What is measured in one go, for how many at once, with how many tokens for each on the peer."""

    measure: Callable[[Server, int], Awaitable[Figures]]
    parallel: int
    context: int
    lines: tuple[Line, ...]


ROWS: dict[str, Row] = {
    "1": Row(
        measures.one_stream,
        1,
        1024,
        (Line("one stream, decode tokens/s", "tokens/s", faster=True, aim=0.97),),
    ),
    "8": Row(
        partial(measures.class_of, students=8, warm_rounds=2),
        8,
        1024,
        (
            Line("8 streams warm, tokens/s", "warm: tokens/s", faster=True, aim=1.05),
            Line("8 cold, last first token, s", "cold: last first token s", aim=4.0),
        ),
    ),
    "32": Row(
        partial(measures.class_of, students=32),
        32,
        1024,
        (
            Line("32 streams warm, tokens/s", "warm: tokens/s", faster=True, aim=1.2),
            Line("32 cold, last first token, s", "cold: last first token s", aim=4.0),
        ),
    ),
}


@dataclass
class Result:
    """All figures of a row: of the peer's settings when they were tried, and of each repetition."""

    tried: dict[Setting, Figures] = field(default_factory=dict)
    best: dict[str, Setting] = field(default_factory=dict)
    ours: list[Figures] = field(default_factory=list)
    peers: dict[Setting, list[Figures]] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What the person asked for."""

    model: Path
    threads: int
    repetitions: int
    settings: tuple[Setting, ...]


def run_row(row: Row, plan: Plan) -> Result:
    """Try the peer's settings, then take turns."""
    result = Result()
    for setting in plan.settings if len(plan.settings) > 1 else ():
        with peer_server(row, plan, setting) as server:
            result.tried[setting] = asyncio.run(_call(row, server, 0))
        say(f"    {setting}: {result.tried[setting]}")
    for line in row.lines:
        result.best[line.figure] = best_setting(result.tried, line) or plan.settings[0]
    with ExitStack() as stack:
        ours = stack.enter_context(
            our.serve(plan.model, parallel=row.parallel, context=row.context, threads=plan.threads)
        )
        chosen = dict.fromkeys(result.best.values())
        peers = {setting: stack.enter_context(peer_server(row, plan, setting)) for setting in chosen}
        for repetition in range(plan.repetitions):
            take_turns(row, result, ours, peers, repetition)
    return result


def take_turns(row: Row, result: Result, ours: Server, peers: dict[Setting, Server], repetition: int) -> None:
    """One repetition of all servers; who begins changes."""
    order = [None, *peers] if repetition % 2 == 0 else [*peers, None]
    for setting in order:
        server = ours if setting is None else peers[setting]
        with conditions.others_share(server.pid) as others:
            figures = asyncio.run(_call(row, server, repetition + 1))
        result.others.append(others.share)
        (result.ours if setting is None else result.peers.setdefault(setting, [])).append(figures)
        say(f"    {server.name}: {figures}, others used {others.share:.0%}")


async def _call(row: Row, server: Server, seed: int) -> Figures:
    return await row.measure(server, seed)


def best_setting(tried: dict[Setting, Figures], line: Line) -> Setting | None:
    """In which setting the peer did best."""
    if not tried:
        return None
    best = max if line.faster else min
    return best(tried, key=lambda setting: tried[setting][line.figure])


@contextmanager
def peer_server(row: Row, plan: Plan, setting: Setting) -> Iterator[Server]:
    """The peer as this row wants it."""
    with peer.serve(
        plan.model, setting, parallel=row.parallel, context=row.context, threads=plan.threads
    ) as server:
        yield server


def ratios(line: Line, result: Result) -> list[float]:
    """Of each repetition: how many times better than the peer, above 1 in our favour."""
    theirs = result.peers[result.best[line.figure]]
    pairs = zip(result.ours, theirs, strict=True)
    return [
        a[line.figure] / b[line.figure] if line.faster else b[line.figure] / a[line.figure] for a, b in pairs
    ]


def table(line: Line, result: Result) -> dict[str, object]:
    """A line of the table, and of the JSON."""
    setting = result.best[line.figure]
    ours = statistics.median(figures[line.figure] for figures in result.ours)
    theirs = statistics.median(figures[line.figure] for figures in result.peers[setting])
    found = ratios(line, result)
    ratio = statistics.median(found)
    aim, met = "", None
    if line.aim is not None:
        aim, met = f"≥ {line.aim}×", ratio >= line.aim
    elif line.most is not None:
        aim, met = f"≤ {line.most:g}", ours <= line.most
    return {
        "measure": line.title,
        "petra": ours,
        "peer": theirs,
        "setting": str(setting),
        "ratio": ratio,
        "ratios": found,
        "aim": aim,
        "met": met,
    }


def print_line(line: dict[str, object]) -> None:
    """For people."""
    found = line["ratios"]
    assert isinstance(found, list)
    spread = f"({min(found):.2f}–{max(found):.2f})"
    verdict = {True: "met", False: "missed", None: ""}[line["met"]]  # type: ignore[index]
    print(
        f"{line['measure']:<40}{line['petra']:>9.2f}{line['peer']:>9.2f}{line['ratio']:>8.2f}× "
        f"{spread:<14}{line['aim']:<9}{verdict:<8}{line['setting']}",
        flush=True,
    )


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Run, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a GGUF file (the default chat model)")
    parser.add_argument("--threads", type=int, default=conditions.cores(), help="of both (all cores)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition, the peer without FA, split KV")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"of {', '.join(ROWS)}")
    parser.add_argument("--json", action="store_true", help="only the JSON")
    options = parser.parse_args()
    plan = Plan(
        model=options.model or servers.default_model(),
        threads=options.threads,
        repetitions=1 if options.quick else options.repetitions,
        settings=SETTINGS[:1] if options.quick else SETTINGS,
    )
    about = conditions.describe(plan.model, plan.threads)
    lines: list[dict[str, object]] = []
    for name in options.rows.split(","):
        say(f"  {name}")
        result = run_row(ROWS[name], plan)
        found = [table(line, result) for line in ROWS[name].lines]
        for line in found:
            print_line(line)
        lines += found
    print(json.dumps({**about, "repetitions": plan.repetitions, "lines": lines}))


if __name__ == "__main__":
    main()
