"""Every check and test there is, and one summary at the end: what `make test` runs.

`--no-skips` makes a skipped test a failure (CI installs all that the tests need). All other arguments go
to pytest. The linters run as tests too (tests/repository).
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(eq=False)
class Tally:
    """A pytest plugin that counts how the tests ended and remembers which were skipped."""

    passed: int = 0
    failed: set[str] = field(default_factory=set)
    skipped: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.passed += report.when == "call" and report.passed
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            self.failed.add(report.nodeid)
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[report.nodeid] = str(report.longrepr)


def run_page_tests() -> bool:
    """vitest over the page's own code."""
    print("== Tests of the page", flush=True)
    return subprocess.run(["npm", "run", "--silent", "test"], cwd=ROOT / "web").returncode == 0


def main(arguments: list[str]) -> int:
    no_skips = "--no-skips" in arguments
    chosen = [argument for argument in arguments if argument != "--no-skips"]
    start = time.monotonic()
    page = run_page_tests()
    page_time = time.monotonic() - start

    print("\n== Tests of the program", flush=True)
    tally = Tally()
    start = time.monotonic()
    status = pytest.main([f"--rootdir={ROOT}", *chosen], plugins=[tally])

    print("\n== Summary")
    print(f"page       {'passed' if page else 'FAILED'}  ({page_time:.0f} s)")
    print(f"program    {'passed' if status == 0 else 'FAILED'}  ({time.monotonic() - start:.0f} s)")
    for name in sorted(tally.failed):
        print(f"  failed   {name}")
    for name, reason in sorted(tally.skipped.items()):
        print(f"  skipped  {name}: {reason}")
    skips_fail = no_skips and bool(tally.skipped)
    if skips_fail:
        print("Skipped tests count as failures here: install what they ask for.")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return int(not page or status != 0 or skips_fail)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
