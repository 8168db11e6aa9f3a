"""The long form of what `make test` does in a minute: 500 kills, and hours of a person's changes in minutes.

Run as `python -m tests.durability.soak [--kills N] [--examples N] [--seed N]`; prints what it found and ends
with 1 when something was lost, torn or different.
"""

from __future__ import annotations

import argparse
import sys
import time

from petra import telemetry

from .kills import kill
from .machine import Agrees, Life
from .stand_ins import folder
from .test_agrees import agree


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--examples", type=int, default=200, help="lives of the state machine, of 30 steps")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    given = parser.parse_args()
    telemetry.configure(level="error")
    print(f"seed {given.seed}", flush=True)
    start = time.monotonic()
    with folder() as place:
        lives = kill(place, given.kills, given.seed)
    print(
        f"{lives.ends['killed']} kills in {time.monotonic() - start:.0f} s, {len(lives.uploads)} uploads left"
    )
    for problem in lives.problems:
        print(f"  {problem}")
    Agrees.life = Life()
    start = time.monotonic()
    agree(Agrees, given.examples, 30, derandomize=False)
    Agrees.life.end()
    print(f"{given.examples} lives agree with the naive model, in {time.monotonic() - start:.0f} s")
    return int(bool(lives.problems))


if __name__ == "__main__":
    sys.exit(main())
