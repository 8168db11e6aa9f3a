"""When memory runs out, the kernel ends a model worker before anything else, and the server starts it
again."""

import sys
from pathlib import Path

import pytest

from petra.inference.supervisor import WorkerSpec
from tests.inference.workers import supervised


@pytest.mark.skipif(sys.platform != "linux", reason="oom_score_adj is Linux's")
async def test_the_worker_dies_first(tmp_path: Path) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "stub", "stub")) as supervisor:
        await supervisor.use("chat")
        pid = supervisor.state("chat").pid
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
        assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000
