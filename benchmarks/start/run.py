"""How long Petra takes to be there, and what it weighs when nobody asks.

    make bench-start                         a table
    make bench-start ARGS="--json"           the same figures, and every single run, for a script
    make bench-start ARGS="--runs 9"         more runs; each figure is the median

Every run uses a data directory of its own in the temporary folder; the models are those of the checkout.
`--drop-caches` (root, Linux) empties the kernel's file cache before each first start, and before the
forwarder that finds no server, as after a reboot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from petra import rendezvous

sys.path.insert(0, str(Path(__file__).parent))
import processes

AIMS = {
    "initialize, no server yet (ms)": 400,
    "initialize, server running (ms)": 150,
    "server without workers (MiB)": 200,
}
SETTLE_S = 2.0
"""Seconds between being ready and being weighed."""


def one_run(figures: dict[str, list[float]], *, drop_caches: bool) -> None:
    """Start and end everything once, adding one number to each figure."""
    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        data_dir = Path(folder)
        if drop_caches:
            empty_file_cache()
        for name in ("first start", "next start"):
            with processes.serve(data_dir) as started:
                figures[f"{name}, listening (ms)"].append(1000 * started.listening)
                assert started.ready
                figures[f"{name}, models ready (ms)"].append(1000 * started.ready)
                if name == "next start":
                    time.sleep(SETTLE_S)
                    weights = processes.memory(started.process.pid)
                    figures["server with workers (MiB)"].append(weights.pop("process"))
                    for role, weight in weights.items():
                        figures[f"  {role} worker (MiB)"].append(weight)

    with tempfile.TemporaryDirectory(prefix="petra-bench-") as folder:
        data_dir = Path(folder)
        if drop_caches:
            empty_file_cache()
        with processes.forwarder(data_dir) as (_, elapsed):
            figures["initialize, no server yet (ms)"].append(1000 * elapsed)
            processes.wait_for_run_file(data_dir)
        rendezvous.stop(data_dir)
        with (
            processes.serve(data_dir, workers=False) as started,
            processes.forwarder(data_dir) as (process, elapsed),
        ):
            figures["initialize, server running (ms)"].append(1000 * elapsed)
            time.sleep(SETTLE_S)
            figures["forwarder (MiB)"].append(processes.memory(process.pid)["process"])
            figures["server without workers (MiB)"].append(processes.memory(started.process.pid)["process"])


def empty_file_cache() -> None:
    """Make the kernel forget what it has read, so that the next start reads the disk."""
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3")


def machine() -> str:
    """What the figures were taken on, in one line."""
    name = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def main() -> None:
    """Run, then print the medians."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--drop-caches", action="store_true")
    arguments = parser.parse_args()

    figures: dict[str, list[float]] = defaultdict(list)
    for number in range(arguments.runs):
        if sys.stderr.isatty():
            print(f"\rrun {number + 1} of {arguments.runs}", end="", file=sys.stderr, flush=True)
        one_run(figures, drop_caches=arguments.drop_caches)
    medians = {name: statistics.median(values) for name, values in figures.items()}

    if arguments.json:
        print(json.dumps({"machine": machine(), "runs": arguments.runs, "median": medians, "all": figures}))
        return
    print(f"\n{machine()}; median of {arguments.runs} runs (lowest to highest)\n")
    for name, values in figures.items():
        spread = f"({min(values):.0f} to {max(values):.0f})"
        aim = f"   aim: at most {AIMS[name]}" if name in AIMS else ""
        print(f"{name:<36}{medians[name]:>8.0f}  {spread:<18}{aim}".rstrip())


if __name__ == "__main__":
    main()
