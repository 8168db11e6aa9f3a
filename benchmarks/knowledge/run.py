"""The knowledge room: what is found, how soon, how fast and in how much memory, beside peers in the same run.

    make bench-knowledge                             the table, then all figures as one line of JSON
    make bench-knowledge ARGS="--quick"              one repetition, smaller folders
    make bench-knowledge ARGS="--rows texts,edits"   only these rows (--help names them)

The labelled sets are looked for in `--data`; semble's repositories are fetched into `--repositories`, once;
what is embedded stays in `--keep`. Timings never fail a run; what cannot be measured ends it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from benchmarks.engine import conditions
from benchmarks.knowledge.data import DATA, ROOT
from benchmarks.knowledge.lines import WIDTH, Line
from benchmarks.knowledge.setting import Setting
from petra.research.record import record

ROWS = {
    "texts": ("quality", "texts"),
    "code": ("quality", "code"),
    "cold": ("fresh", "cold"),
    "edits": ("fresh", "edits"),
    "reopened": ("fresh", "reopened"),
    "embedding": ("bulk", "embedding"),
    "queries": ("scale", "questions"),
    "memory": ("scale", "memory"),
    "pdf": ("reading", "pages"),
}
"""Module and function of each row, by the name that `--rows` takes."""


def main() -> None:
    """Measure row after row, print a line as soon as it stands, and all as JSON at the end."""
    options = arguments()
    setting = Setting(
        data=options.data,
        kept=options.keep,
        repositories=options.repositories or options.keep / "repositories",
        repetitions=1 if options.quick else options.repetitions,
    )
    about = {
        "machine": conditions.machine(),
        "load_average": conditions.load(),
        **record(setting.settings(setting.evaluation)),
    }
    if not options.json:
        print(f"{about['machine']}; load: {about['load_average']}; commit {about['commit']}")
        print(f"median of {setting.repetitions} (lowest to highest)\n")
        print(f"{'':<{WIDTH}}{'petra':>8}{'':<16}{'peer':>8}{'ratio':>9}  aim")
    lines: list[Line] = []
    for name in options.rows.split(","):
        for line in measure(name)(setting):
            lines.append(line)
            if not options.json:
                print(line, flush=True)
    found = [line.as_json() for line in lines]
    print(json.dumps({**about, "load_after": conditions.load(), "lines": found}))


def measure(name: str) -> Callable[[Setting], list[Line]]:
    """What measures this row."""
    module, function = ROWS[name]
    found: Callable[[Setting], list[Line]] = getattr(
        import_module(f"benchmarks.knowledge.{module}"), function
    )
    return found


def arguments() -> argparse.Namespace:
    """What the person wants."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="the labelled sets (%(default)s)")
    parser.add_argument("--keep", type=Path, default=ROOT / "data" / "bench", help="%(default)s")
    parser.add_argument("--repositories", type=Path, help="semble's seven (KEEP/repositories)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repetition, smaller folders")
    parser.add_argument("--rows", default=",".join(ROWS), help="of these, in this order: %(default)s")
    parser.add_argument("--json", action="store_true", help="only the JSON")
    options = parser.parse_args()
    if unknown := set(options.rows.split(",")) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    return options


if __name__ == "__main__":
    main()
