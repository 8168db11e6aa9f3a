"""After the third crash Petra stops trying for a while and says so; a person can ask for one more try."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from petra.errors import ModelUnavailable
from petra.inference.supervisor import Supervisor, WorkerSpec
from tests.inference.workers import PARIS, said, supervised


async def crash(supervisor: Supervisor) -> None:
    await supervisor.use("chat")
    pid = supervisor.state("chat").pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while supervisor.state("chat").pid == pid:
            await asyncio.sleep(0.02)


async def test_circuit(tmp_path: Path) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "stub", "stub")) as supervisor:
        for _ in range(3):
            await crash(supervisor)
        with pytest.raises(ModelUnavailable, match=r"keeps crashing.*SIGKILL.*crashed 3 times"):
            await supervisor.use("chat")
        state = supervisor.state("chat")
        assert (state.state, state.restarts) == ("circuit_open", 3) and state.remedy
        supervisor.retry("chat")
        async with asyncio.timeout(10):
            while supervisor.state("chat").state != "ready":
                await asyncio.sleep(0.02)
        assert (await said(await supervisor.use("chat"), PARIS))[0].startswith("You said")
