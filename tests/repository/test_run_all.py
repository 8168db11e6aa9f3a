"""The one summary of `make test`, and CI's rule that nothing is skipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.repository.checkout import ROOT

FILE = """
import pytest

def test_good(): pass

@pytest.mark.xfail(strict=True)
def test_known(): assert False

@pytest.mark.skipif(True, reason="needs a pink elephant")
def test_left_out(): pass
"""
WITHOUT_PAGE = (
    "import sys, tests.run_all as all; all.run_page_tests = lambda: True; sys.exit(all.main(sys.argv[1:]))"
)


def run_all(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(FILE)
    command = [sys.executable, "-c", WITHOUT_PAGE, str(folder), "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_skipped_test_is_named_and_fails_only_where_nothing_may_be_skipped(tmp_path: Path) -> None:
    lenient, strict = run_all(tmp_path), run_all(tmp_path, "--no-skips")
    assert lenient.returncode == 0, lenient.stdout
    assert strict.returncode == 1
    assert "needs a pink elephant" in strict.stdout
    assert "test_known" not in strict.stdout.split("== Summary")[1]
    assert lenient.stdout.splitlines()[-1] == "1 passed, 0 failed, 1 skipped"
