"""One worker in the place of another, with real processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from petra import platform
from petra.errors import ModelUnavailable
from petra.inference import supervisor as room
from petra.inference.supervisor import WorkerSpec
from tests.inference.workers import supervised

OLD = WorkerSpec("embed", "stub", "old")
NEW = WorkerSpec("embed-v2", "stub", "new")


async def test_an_added_worker_takes_over_and_the_one_before_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "GRACE_SECONDS", 0.05)
    async with supervised(tmp_path, OLD) as supervisor:
        await supervisor.use("embed", of="old")
        old = supervisor.state("embed").pid
        assert old
        supervisor.add(NEW)
        endpoint = await supervisor.use("embed-v2", of="new")
        assert set(supervisor.states()) == {"embed"}
        supervisor.replace("embed", "embed-v2")
        assert (await supervisor.use("embed", of="new")).model == endpoint.model == "new"
        with pytest.raises(ModelUnavailable, match="replaced"):
            await supervisor.use("embed", of="old")
        async with asyncio.timeout(10):
            while platform.is_alive(old):
                await asyncio.sleep(0.02)
        assert len(await endpoint.embed(["still there"])) == 1


async def test_an_added_worker_that_is_not_wanted_ends(tmp_path: Path) -> None:
    async with supervised(tmp_path, OLD) as supervisor:
        supervisor.add(NEW)
        await supervisor.use("embed-v2")
        await supervisor.remove("embed-v2")
        await supervisor.remove("embed-v2")
        with pytest.raises(KeyError):
            await supervisor.use("embed-v2")
        assert await supervisor.use("embed", of="old")
