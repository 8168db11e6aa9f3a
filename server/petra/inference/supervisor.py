"""The model workers of one server, by name: `use("chat")` is all that the rest of Petra needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petra.inference.client import ModelEndpoint
from petra.inference.supervised import Timing, Worker, WorkerSpec, WorkerState

__all__ = ["Supervisor", "Timing", "WorkerSpec", "WorkerState"]


class Supervisor:
    """Starts, watches, restarts and ends the workers.

    Their sockets are made in `runtime_dir` (mode 0700), their models looked for in `models_dir`. `log` is
    a structured logger; it gets the workers' output.
    """

    def __init__(
        self,
        specs: Sequence[WorkerSpec],
        *,
        runtime_dir: Path,
        models_dir: Path,
        log: Any,
        timing: Timing | None = None,
    ) -> None:
        self._workers = {
            spec.name: Worker(
                spec,
                models_dir=models_dir,
                folder=runtime_dir,
                log=log,
                timing=timing or Timing(),
            )
            for spec in specs
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start every worker that is not on demand; returns before they are ready."""
        for worker in self._workers.values():
            if not worker.external:
                self._tasks.append(asyncio.create_task(worker.run(), name=f"worker {worker.spec.name}"))

    async def stop(self) -> None:
        """End every worker and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for worker in self._workers.values():
            await worker.endpoint.close()

    def state(self, name: str) -> WorkerState:
        """How the worker is now."""
        return self._workers[name].state

    def states(self) -> dict[str, WorkerState]:
        """How all workers are, by name."""
        return {name: worker.state for name, worker in self._workers.items()}

    def retry(self, name: str) -> None:
        """Try again now: close an open circuit, or look again for a model that was missing."""
        self._workers[name].retry()

    async def use(self, name: str, timeout_s: float = 60.0) -> ModelEndpoint:
        """The worker's endpoint once it is ready, starting it if need be.

        Raises ModelUnavailable that says its state and the remedy.
        """
        return await self._workers[name].use(timeout_s)
