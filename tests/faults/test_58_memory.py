"""When memory runs out, the kernel ends a model worker before anything else, and the server starts it
again. No test may use up a machine's memory: here the kernel tells whom it would choose (what follows a
SIGKILL is row 53's), and one worker alone is refused memory."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from petra.errors import ModelUnavailable
from petra.inference.client import ChatMessage, ModelEndpoint
from petra.inference.supervisor import WorkerSpec
from tests.inference import gguf_files
from tests.inference.workers import said, supervised

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux's /proc and prlimit")


def badness(pid: int | str) -> int:
    """The kernel's own order: the process with the highest is ended first."""
    return int(Path(f"/proc/{pid}/oom_score").read_text())


@LINUX
async def test_the_worker_dies_first(tmp_path: Path) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "stub", "stub")) as supervisor:
        await supervisor.use("chat")
        pid = supervisor.state("chat").pid
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"
        assert int(Path("/proc/self/oom_score_adj").read_text()) < 1000
        # Half of all memory would not make the server the worse choice.
        assert badness(pid or "") > badness("self") + 300


async def asked(endpoint: ModelEndpoint, number: int) -> str | ModelUnavailable:
    """A long question's answer, or the error that the person gets."""
    try:
        text, _ = await said(endpoint, [ChatMessage("user", f"{number} " * 1000)], max_tokens=200)
        return text
    except ModelUnavailable as error:
        return error


@LINUX
async def test_a_worker_that_gets_no_memory_says_so_or_is_replaced(tmp_path: Path) -> None:
    path = gguf_files.echo(tmp_path / "echo.gguf")
    async with supervised(tmp_path, WorkerSpec("chat", "chat", str(path))) as supervisor:
        endpoint = await supervisor.use("chat")
        process = psutil.Process(supervisor.state("chat").pid)
        unlimited = process.rlimit(psutil.RLIMIT_AS)
        process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms, unlimited[1]))
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*(asked(endpoint, number) for number in range(12)))
        # Some needs more than what Python has set aside; nobody is left without an end.
        assert any(isinstance(end, ModelUnavailable) for end in ends)
        if process.is_running():
            process.rlimit(psutil.RLIMIT_AS, unlimited)
        question = [ChatMessage("user", "after it all")]
        text, _ = await said(await supervisor.use("chat"), question, max_tokens=gguf_files.BACK - 1)
        assert text == "after it all"[1:]
