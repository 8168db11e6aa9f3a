"""Row 63: second process → "already running", and the first one goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from petra import rendezvous


def test_second_process(tmp_path: Path) -> None:
    with rendezvous.Lock(tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "petra", "serve", "--data-dir", str(tmp_path), "--port", "0"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert "petra stop" in second.stderr
        assert "Traceback" not in second.stderr
        assert rendezvous.is_locked(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.lock"]
