"""The model workers of one server, by name: `use("chat")` is all that the rest of Petra needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from petra.errors import ModelUnavailable
from petra.inference.client import ModelEndpoint
from petra.inference.supervised import Timing, Waiting, Worker, WorkerSpec, WorkerState

__all__ = ["Supervisor", "Timing", "Waiting", "WorkerSpec", "WorkerState"]

GRACE_SECONDS = 5.0
"""How long a worker that was replaced may go on with what it has begun."""


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
        def worker(spec: WorkerSpec) -> Worker:
            return Worker(spec, models_dir=models_dir, folder=runtime_dir, log=log, timing=timing or Timing())

        self._make = worker
        self._workers = {spec.name: worker(spec) for spec in specs}
        self._spares: dict[str, Worker] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._tasks: dict[Worker, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start every worker that is not on demand; returns before they are ready."""
        for worker in self._workers.values():
            self._begin(worker)

    async def stop(self) -> None:
        """End every worker and wait for it."""
        ending = [*self._tasks.values(), *self._retiring]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._tasks.clear()
        for worker in (*self._workers.values(), *self._spares.values()):
            await worker.endpoint.close()

    def add(self, spec: WorkerSpec) -> None:
        """Start one more worker, of a name that no other has. Until it replaces one it is nobody's
        business but of those who `use` it."""
        self._spares[spec.name] = self._make(spec)
        self._begin(self._spares[spec.name])

    def replace(self, name: str, by: str) -> None:
        """Let the added worker `by` be the one called `name` from now on. The one before ends when it has
        had time for what it was asked."""
        former, self._workers[name] = self._workers[name], self._spares.pop(by)
        retiring = asyncio.create_task(self._retire(former), name=f"retire {former.spec.name}")
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def remove(self, name: str) -> None:
        """End an added worker; one that is not there is fine."""
        if worker := self._spares.pop(name, None):
            await self._end(worker)

    def _begin(self, worker: Worker) -> None:
        if not worker.external:
            self._tasks[worker] = asyncio.create_task(worker.run(), name=f"worker {worker.spec.name}")

    async def _retire(self, former: Worker) -> None:
        try:
            await asyncio.sleep(GRACE_SECONDS)
        finally:
            await self._end(former)

    async def _end(self, worker: Worker) -> None:
        if task := self._tasks.pop(worker, None):
            task.cancel()
            await asyncio.wait([task])
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

    async def use(
        self,
        name: str,
        timeout_s: float = 60.0,
        *,
        of: str | None = None,
        waiting: Waiting = lambda why: None,
    ) -> ModelEndpoint:
        """The worker's endpoint once it is ready, starting it if need be. `of` is the model that the caller
        counts on: of another one, the answers would be taken for its own. `waiting` is told why it takes
        a while, where it does.

        Raises ModelUnavailable that says its state and the remedy.
        """
        worker = self._workers.get(name) or self._spares[name]
        if of is not None and worker.spec.model != of:
            raise ModelUnavailable(f"The model {of} was replaced by {worker.spec.model} a moment ago")
        return await worker.use(timeout_s, waiting)
