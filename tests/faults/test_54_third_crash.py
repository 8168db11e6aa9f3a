"""After the third crash Petra stops trying for a while and says so; a person can ask for one more try."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from petra.errors import ModelUnavailable
from petra.inference.supervisor import Supervisor, WorkerSpec
from tests.api.rig import Rig, rig
from tests.inference import gguf_files
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


async def pid(petra: Rig) -> int:
    """The chat worker's process, once it is ready."""
    async with asyncio.timeout(30):
        while True:
            chat = (await petra.get("/api/v1/status"))["workers"]["chat"]
            if chat["state"] == "ready":
                return int(chat["pid"])
            await asyncio.sleep(0.05)


async def test_the_chat_says_so_and_the_rest_of_petra_goes_on(tmp_path: Path) -> None:
    """Seen from a person's side, with the supervisor's real times."""
    model = gguf_files.echo(tmp_path / "echo.gguf")
    async with rig(model_path=str(model)) as petra:
        await petra.upload("notes.md", b"Paging divides memory into frames. " * 8)
        for _ in range(3):
            os.kill(await pid(petra), signal.SIGKILL)
            async with asyncio.timeout(10):
                while (await petra.get("/api/v1/status"))["workers"]["chat"]["state"] == "ready":
                    await asyncio.sleep(0.02)
        chat = (await petra.get("/api/v1/status"))["workers"]["chat"]
        assert chat["state"] == "circuit_open" and "SIGKILL" in chat["last_exit"] and chat["remedy"]
        asked = await petra.http.post("/api/v1/ask", json={"question": "What does paging do?"})
        answer = await asked.json()
        assert "The model echo keeps crashing" in str(answer) and "tries again in 3 minutes" in str(answer)
        assert str(tmp_path) not in str(answer)  # where it lies is nobody's business
        found = await petra.get("/api/v1/search?q=paging")
        assert "frames" in str(found)
