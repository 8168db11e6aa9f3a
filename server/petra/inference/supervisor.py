"""Model workers as children: started, watched, restarted with back-off, given up on for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from petra.inference.client import ModelEndpoint

State = Literal["stopped", "starting", "ready", "restarting", "circuit_open", "missing_model", "external"]


@dataclass(frozen=True)
class WorkerSpec:
    """One worker: its name in the server, what it runs, and how.

    `model` is a catalogue name, a path, or the address of an endpoint that somebody else runs (no
    process then; `token` is its bearer token). `idle_class` lets it run only when nobody else wants the
    CPU. `on_demand` starts it at the first use and stops it after a minute without one. `args` are
    passed to the worker as they are.
    """

    name: str
    kind: Literal["chat", "embed", "stub"]
    model: str
    idle_class: bool = False
    on_demand: bool = False
    args: Sequence[str] = ()
    token: str | None = None


@dataclass(frozen=True)
class WorkerState:
    """How a worker is. `degraded` says what it does without, `remedy` what a person can do."""

    state: State
    model: str
    restarts: int = 0
    last_exit: str | None = None
    degraded: str | None = None
    remedy: str | None = None
    pid: int | None = None


class Supervisor:
    """All workers of one server. `log` is a structured logger; sockets are made in `runtime_dir`."""

    def __init__(self, specs: Sequence[WorkerSpec], *, runtime_dir: Path, models_dir: Path, log: Any) -> None:
        raise NotImplementedError

    async def start(self) -> None:
        """Start every worker that is not on demand; returns before they are ready."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End every worker and wait for it."""
        raise NotImplementedError

    def endpoint(self, name: str) -> ModelEndpoint:
        """The worker's endpoint, whether or not it is ready."""
        raise NotImplementedError

    def state(self, name: str) -> WorkerState:
        """How the worker is now."""
        raise NotImplementedError

    def states(self) -> dict[str, WorkerState]:
        """How all workers are, by name."""
        raise NotImplementedError

    def retry(self, name: str) -> None:
        """Close an open circuit now, or look again for a model that was missing."""
        raise NotImplementedError

    async def use(self, name: str, timeout_s: float = 60.0) -> ModelEndpoint:
        """The worker's endpoint once it is ready, starting it if need be.

        Raises ModelUnavailable that says its state and the remedy.
        """
        raise NotImplementedError
