"""Petra's engine beside llama.cpp's own server: the same model, prompts and threads, both over HTTP.

    make bench-engine                          the table, then all figures as one line of JSON
    make bench-engine ARGS="--quick"           one repetition of each row, the peer in one setting
    make bench-engine ARGS="--rows 8,cancel"   only these rows (--help names them)

For each row the peer is first tried in all its settings (flash attention, unified KV), once; then our worker
and the peer in its best setting take turns. A ratio is taken within a repetition; the table has the median
and the spread. Timings never fail a run; an answer that is missing or cut does.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from benchmarks.engine import conditions, servers, turns
from benchmarks.engine.peer import SETTINGS
from benchmarks.engine.rows import Line, Row, rows
from benchmarks.engine.turns import Plan, Result, say


def arguments(names: list[str]) -> argparse.Namespace:
    """What the person wants."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a GGUF file (the default chat model)")
    parser.add_argument("--threads", type=int, default=conditions.cores(), help="of both sides (every core)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition; the peer as it is mostly best")
    parser.add_argument("--rows", default=",".join(names), help="of these, in this order: %(default)s")
    parser.add_argument("--json", action="store_true", help="only the JSON")
    options = parser.parse_args()
    if unknown := set(options.rows.split(",")) - set(names):
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def main() -> None:
    """Measure row after row, print a line as soon as it stands, and all as JSON at the end."""
    model = servers.default_model()
    options = arguments(list(rows(model)))
    model = options.model or model
    plan = Plan(
        model=model,
        threads=options.threads,
        repetitions=1 if options.quick else options.repetitions,
        settings=SETTINGS[:1] if options.quick else SETTINGS,
    )
    about = conditions.describe(model, plan.threads)
    if not options.json:
        print_head(about, plan)
    lines, usual = [], SETTINGS[0]
    for name in options.rows.split(","):
        row = rows(model)[name]
        say(f"  {name}")
        result = turns.run(row, plan, usual)
        found = [summary(line, result) for line in row.lines]
        if name == "8":
            usual = result.best[row.lines[0].figure]
        if not options.json:
            for line in found:
                print_line(line)
        lines.append({"row": name, "lines": found, **everything(row, result)})
    print(json.dumps({**about, "load_after": conditions.load(), "rows": lines}))


def summary(line: Line, result: Result) -> dict[str, Any]:
    """A line of the table."""
    setting = result.best[line.figure]
    ours = statistics.median(figures[line.figure] for figures in result.ours)
    ratios = result.ratios(line)
    ratio = statistics.median(ratios)
    return {
        "measure": line.title,
        "petra": ours,
        "peer": statistics.median(figures[line.figure] for figures in result.peers[setting]),
        "setting": str(setting),
        "ratio": ratio,
        "ratios": ratios,
        "aim": line.aim,
        "met": line.met(ours, ratio),
    }


def everything(row: Row, result: Result) -> dict[str, Any]:
    """Every single figure, for who wants to look closer."""
    return {
        "parallel": row.parallel,
        "tried": {str(setting): figures for setting, figures in result.tried.items()},
        "petra": result.ours,
        "peer": {str(setting): figures for setting, figures in result.peers.items()},
        "cpu_of_others": result.others,
    }


def print_head(about: dict[str, Any], plan: Plan) -> None:
    """What the figures hold for."""
    print(f"{about['machine']}; {about['model']}; threads: {plan.threads}; load: {about['load_average']}")
    print(
        f"median of {plan.repetitions} (lowest to highest); the peer is llama.cpp's server in this setting\n"
    )
    print(f"{'':<46}{'petra':>9}{'peer':>9}{'ratio':>9}{'':<15}aim")


def print_line(line: dict[str, Any]) -> None:
    """For people."""
    spread = f" ({short(min(line['ratios']))}–{short(max(line['ratios']))})"
    verdict = "met" if line["met"] else "missed"
    print(
        f"{line['measure']:<46}{short(line['petra']):>9}{short(line['peer']):>9}{short(line['ratio']):>8}×"
        f"{spread:<15}{line['aim']:<9}{verdict:<8}{line['setting']}",
        flush=True,
    )


def short(value: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
