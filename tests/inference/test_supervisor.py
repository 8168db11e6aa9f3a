"""The supervisor with real processes: the stub where the model does not matter."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra import platform
from petra.inference import child, restarts
from petra.inference.restarts import Patience
from petra.inference.supervisor import Supervisor, WorkerSpec
from tests.inference.workers import PARIS, said, supervised

STUB = WorkerSpec("chat", "stub", "stub")


async def until(supervisor: Supervisor, state: str, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while supervisor.state("chat").state != state:
            await asyncio.sleep(0.02)


async def test_a_worker_that_hangs_is_ended_and_started_again(tmp_path: Path) -> None:
    async with supervised(tmp_path, STUB) as supervisor:
        told: list[str] = []
        await supervisor.use("chat", waiting=told.append)
        assert told == ["it is being loaded"]
        pid = supervisor.state("chat").pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        endpoint = await supervisor.use("chat", waiting=told.append)
        assert (told[1], told[-1]) == ("it does not answer yet", "it is being started again")
        assert supervisor.state("chat").pid != pid and not platform.is_alive(pid)
        assert supervisor.state("chat").last_exit == "did not answer and was ended"
        assert (await said(endpoint, PARIS))[0]


async def test_native_code_that_dies_at_the_proof_is_avoided_and_said(tmp_path: Path) -> None:
    spec = WorkerSpec("chat", "stub", "stub", args=("--crash-at-proof",))
    async with supervised(tmp_path, spec) as supervisor:
        await supervisor.use("chat")
        state = supervisor.state("chat")
        assert state.restarts == 0 and "SIGSEGV" in str(state.degraded)


async def test_on_demand_starts_at_the_first_use_and_stops_when_idle(tmp_path: Path) -> None:
    spec = WorkerSpec("chat", "stub", "stub", on_demand=True, idle_class=True)
    async with supervised(tmp_path, spec) as supervisor:
        assert supervisor.state("chat").state == "stopped"
        await supervisor.use("chat")
        pid = supervisor.state("chat").pid
        assert pid
        if hasattr(os, "SCHED_IDLE"):
            assert os.sched_getscheduler(pid) == os.SCHED_IDLE
        await until(supervisor, "stopped")
        async with asyncio.timeout(5):
            while platform.is_alive(pid):
                await asyncio.sleep(0.02)
        assert (await said(await supervisor.use("chat"), PARIS))[0]
        assert supervisor.state("chat").restarts == 0


async def test_somebody_elses_endpoint_has_no_process(tmp_path: Path, stub_address: str) -> None:
    async with supervised(tmp_path, WorkerSpec("chat", "chat", f"{stub_address}#big")) as supervisor:
        endpoint = await supervisor.use("chat")
        assert supervisor.state("chat").state == "external" and endpoint.model == "big"
        assert (await said(endpoint, PARIS))[0]


async def test_a_worker_ends_with_its_server(tmp_path: Path) -> None:
    """However the server ends, its end of the worker's stdin is closed."""
    address = f"unix:{tmp_path / 'x.sock'}"

    class Log:
        def info(self, *_: object, **__: object) -> None: ...

    worker = await child.Child.spawn(["stub", "--listen", address], folder=tmp_path, name="x", log=Log())
    assert worker._process.stdin
    worker._process.stdin.close()
    assert await asyncio.wait_for(worker.wait(), 10) == "ended with status 0"


def test_a_worker_sees_no_secret() -> None:
    outer = {"PATH": "/bin", "SECRET_KEY": "x", "MODEL_TOKEN": "y", "HF_TOKEN": "z", "DATABASE_URL": "w"}
    assert not {"SECRET_KEY", "MODEL_TOKEN", "HF_TOKEN", "DATABASE_URL"} & set(child.environment(outer))
    assert child.environment(outer)["GGML_NO_BACKTRACE"] == "1"


@given(st.lists(st.floats(0, 10_000), max_size=20), st.floats(0, 20_000))
def test_patience(times: list[float], now: float) -> None:
    patience = Patience()
    past = sorted(at for at in times if at <= now)
    wait = restarts.delay(past, now, patience)
    counted = restarts.recent(past, now, patience)
    assert (wait is None) == (len(counted) >= patience.crashes)
    if wait is not None:
        assert patience.first_delay_s <= wait <= patience.longest_delay_s


@pytest.mark.parametrize(("crashes", "wait"), [([0.0], 0.5), ([0.0, 1.0], 1.0), ([0.0, 1.0, 2.0], None)])
def test_delays_double_and_then_it_stops(crashes: list[float], wait: float | None) -> None:
    assert restarts.delay(crashes, 3.0, Patience()) == wait
