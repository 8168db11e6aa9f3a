"""Style, types and the floors: the same list of checks that `make lint` and every commit run."""

from __future__ import annotations

import shlex
import subprocess

import pytest
import yaml

from tests.repository.checkout import ROOT

HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_check_passes(hook: dict[str, str]) -> None:
    result = subprocess.run(shlex.split(hook["entry"]), cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
