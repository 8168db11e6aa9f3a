"""The life of one worker, from the first start to the last stop."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NoReturn

from petra import telemetry
from petra.errors import ModelFileError, ModelUnavailable, PetraError
from petra.inference import installed, restarts
from petra.inference.addresses import called, external, is_address, own
from petra.inference.child import Child
from petra.inference.client import ModelEndpoint
from petra.inference.reports import CANNOT_START
from petra.inference.restarts import Patience

State = Literal["stopped", "starting", "ready", "restarting", "circuit_open", "missing_model", "external"]
Kind = Literal["chat", "embed", "rerank", "stub"]
Waiting = Callable[[str], None]
"""Is told why a model is waited for, and again when there is another reason."""

WAITS: dict[State, str] = {
    "starting": "it is being loaded",
    "restarting": "it is being started again",
}
LATE_SECONDS = 1.0
"""Until it is said of a worker that counts as ready that it does not answer; most do in a millisecond."""

# What a worker does without after native code died at its proof, and how that is said.
SAFE: dict[Kind, tuple[str, str]] = {
    "chat": ("--no-extra-bufts", "runs without repacked weights, which is slower"),
    "embed": ("--fp32", "embeds in full precision, which is slower"),
    "rerank": ("--threads=1", "runs on one thread, which is slower"),
    "stub": ("--no-extra-bufts", "runs without repacked weights, which is slower"),
}


@dataclass(frozen=True)
class WorkerSpec:
    """One worker: its name in the server, what it runs, and how.

    `model` is a catalogue name, a path, or the address of an endpoint that somebody else runs (no
    process then; `token` is its bearer token). `idle_class` lets it run only when nobody else wants the
    CPU. `on_demand` starts it at the first use and stops it after a minute without one. `args` are
    passed to the worker as they are. `stub` is for tests.
    """

    name: str
    kind: Kind
    model: str
    idle_class: bool = False
    on_demand: bool = False
    args: Sequence[str] = ()
    token: str | None = field(default=None, repr=False)


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


@dataclass(frozen=True)
class Timing:
    """All times of the supervision, in seconds."""

    heartbeat: float = 2.0
    hung_after: float = 10.0
    """without a reply to the heartbeat"""
    stuck_after: float = 90.0
    """busy without a step forward"""
    start: float = 300.0
    idle_stop: float = 60.0
    look_again: float = 3.0
    """between looks for a model that was missing"""
    patience: Patience = field(default_factory=Patience)


class _Lost(Exception):
    """The worker has ended or was ended; the message says how."""


class _NoModel(Exception):
    """The model's files are missing or not to be used: starting again would change nothing."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.remedy = remedy


class _TrySafe(Exception):
    """Native code died at the proof for the first time: start once more, without what may be at fault."""


class Worker:
    """One worker and its process, if it has one now."""

    def __init__(self, spec: WorkerSpec, *, models_dir: Path, folder: Path, log: Any, timing: Timing) -> None:
        self.spec = spec
        self.external = is_address(spec.model)
        address = external(spec.model, spec.token) if self.external else own(spec.name, spec.model, folder)
        self.endpoint: ModelEndpoint = address.endpoint
        self._listen = address.arguments
        self._models_dir = models_dir
        self._folder = folder
        self._log = log
        self._timing = timing
        self.state = WorkerState("external" if self.external else "stopped", spec.model)
        self._changed = asyncio.Event()
        self._wanted = asyncio.Event()
        self._retry = asyncio.Event()
        self._last_used = -math.inf
        self._crashes: list[float] = []
        self._safe = False
        self._files: tuple[tuple[int, int], ...] = ()
        self._first_end = ""

    def retry(self) -> None:
        """Try again now."""
        self._retry.set()

    async def use(self, timeout_s: float, waiting: Waiting) -> ModelEndpoint:
        """See Supervisor.use."""
        self._last_used = time.monotonic()
        self._wanted.set()
        told = ""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    changed, now = self._changed, self.state.state
                    if now in ("circuit_open", "missing_model"):
                        self._refuse()
                    # A worker that was killed a moment ago still counts as ready, so ask it (1 ms).
                    if now == "external" or (now == "ready" and await self._answers_soon(waiting)):
                        return self.endpoint
                    if (why := WAITS.get(now, told)) != told:
                        told = why
                        waiting(why)
                    await changed.wait()
        except TimeoutError:
            self._refuse()

    async def run(self) -> None:
        """Keep the worker as it should be until this is cancelled."""
        while True:
            if self.spec.on_demand and self._idle_seconds() > self._timing.idle_stop:
                self._set("stopped")
                self._wanted.clear()
                await self._wanted.wait()
            try:
                await self._live()
            except _TrySafe:
                continue
            except _NoModel as missing:
                await self._without_model(str(missing), missing.remedy)
            except _Lost as lost:
                await self._after_crash(str(lost))
            except Exception as error:  # a worker whose supervision ends would never come back
                self._log.exception("worker_supervision_failed", worker=self.spec.name)
                await self._after_crash(f"could not be started ({type(error).__name__})")

    async def _live(self) -> None:
        """Start it and watch it. Returns when it was stopped because nobody used it; raises _Lost when it
        has crashed, _NoModel when there is nothing to start."""
        again: State = "restarting" if self.state.restarts else "starting"
        self._set(again, remedy=None)
        arguments = await self._arguments()
        child = await Child.spawn(arguments, folder=self._folder, name=self.spec.name, log=self._log)
        self._set(again, pid=child.pid)
        try:
            await self._until_ready(child)
            await self._while_well(child)
        finally:
            # First the state, so that nobody is sent to a worker that is on its way out.
            self._set("stopped", pid=None)
            await child.stop()

    async def _arguments(self) -> list[str]:
        """The worker's command line, with the model's file found and checked. Raises _NoModel."""
        spec = self.spec
        arguments = [spec.kind, *self._listen, "--name", self.endpoint.model or spec.model, *spec.args]
        if spec.kind != "stub":
            # Before the check, so that a model which arrives during it is noticed as a change.
            self._files = await self._fingerprint()
            try:
                found = await asyncio.to_thread(installed.resolve, self._models_dir, spec.model)
            except PetraError as error:
                raise _NoModel(f"{error.what}. {error.cause}".strip(". "), error.remedy) from error
            arguments += ["--model", str(found.path)]
        if spec.idle_class:
            arguments.append("--idle-class")
        if self._safe:
            arguments.append(SAFE[spec.kind][0])
        return arguments

    async def _until_ready(self, child: Child) -> None:
        ended = asyncio.create_task(child.wait())
        try:
            async with asyncio.timeout(self._timing.start):
                while not await self._answers():
                    done, _ = await asyncio.wait({ended}, timeout=0.1)
                    if done:
                        self._died_early(child, ended.result())
        except TimeoutError:
            raise _Lost(f"was not ready after {self._timing.start:.0f} s") from None
        finally:
            ended.cancel()
        try:
            degraded = (await self.endpoint.health(self._timing.hung_after)).get("degraded")
        except PetraError:
            raise _Lost(await child.wait()) from None
        if self._safe:
            degraded = f"It {SAFE[self.spec.kind][1]}: its first start was {self._first_end}"
            self._log.warning("worker_degraded", worker=self.spec.name, degraded=degraded)
        self._last_used = max(self._last_used, time.monotonic() if self.spec.on_demand else 0.0)
        self._set("ready", degraded=degraded, remedy=None)
        self._log.info("worker_ready", worker=self.spec.name, model=self.spec.model, pid=child.pid)

    def _died_early(self, child: Child, how: str) -> NoReturn:
        """Raise what an end before being ready means."""
        if child.report and child.returncode == CANNOT_START:
            cause = f"{child.report.what}. {child.report.cause}".strip(". ")
            if child.report.code == ModelFileError.code:
                raise _NoModel(cause, child.report.remedy)
            raise _Lost(cause)
        if child.died_natively and not self._safe:
            self._safe, self._first_end = True, how
            self._log.warning("worker_died_at_proof", worker=self.spec.name, how=how)
            raise _TrySafe
        raise _Lost(how)

    async def _while_well(self, child: Child) -> None:
        """Returns when an on-demand worker was idle for long enough; raises _Lost when it is lost."""
        ended = asyncio.create_task(child.wait())
        heard, served = time.monotonic(), -1
        try:
            while True:
                done, _ = await asyncio.wait({ended}, timeout=self._timing.heartbeat)
                if done:
                    raise _Lost(ended.result())
                try:
                    health = await self.endpoint.health(self._timing.hung_after)
                    heard = time.monotonic()
                except PetraError:
                    if time.monotonic() - heard >= self._timing.hung_after:
                        raise _Lost("did not answer and was ended") from None
                    continue
                if health.get("busy") and health.get("progress_age_s", 0) > self._timing.stuck_after:
                    raise _Lost("made no progress and was ended")
                if health.get("busy") or health.get("served") != served:
                    served = health.get("served", 0)
                    self._last_used = time.monotonic()
                if self.spec.on_demand and self._idle_seconds() > self._timing.idle_stop:
                    self._log.info("worker_idle", worker=self.spec.name)
                    return
        finally:
            ended.cancel()

    async def _after_crash(self, how: str) -> None:
        now = time.monotonic()
        patience = self._timing.patience
        self._crashes = restarts.recent([*self._crashes, now], now, patience)
        wait = restarts.delay(self._crashes, now, patience)
        count = self.state.restarts + 1
        telemetry.worker_restarts_total.labels(self.spec.name).inc()
        self._log.warning("worker_lost", worker=self.spec.name, how=how, retry_s=wait)
        self._retry.clear()
        if wait is None:
            self._set(
                "circuit_open",
                restarts=count,
                last_exit=how,
                remedy=f"It has crashed {len(self._crashes)} times; Petra tries again in "
                f"{patience.open_s / 60:.0f} minutes. See the server's log, or choose another model",
            )
            await self._pause(patience.open_s)
            return
        self._set("restarting", restarts=count, last_exit=how)
        await self._pause(wait)

    async def _without_model(self, cause: str, remedy: str) -> None:
        """Wait until the model's files change, or somebody asks to try again."""
        self._set("missing_model", last_exit=cause, remedy=remedy)
        self._log.warning("worker_without_model", worker=self.spec.name, cause=cause, remedy=remedy)
        self._retry.clear()
        while not await self._pause(self._timing.look_again):
            if await self._fingerprint() != self._files:
                return

    async def _answers_soon(self, waiting: Waiting) -> bool:
        """Whether it answers. One that hangs takes a while to be found out."""
        late = asyncio.get_running_loop().call_later(LATE_SECONDS, waiting, "it does not answer yet")
        try:
            return await self._answers()
        finally:
            late.cancel()

    async def _answers(self) -> bool:
        try:
            return (await self.endpoint.health(self._timing.hung_after)).get("status") == "ok"
        except PetraError:
            return False

    async def _fingerprint(self) -> tuple[tuple[int, int], ...]:
        return await asyncio.to_thread(installed.fingerprint, self._models_dir, self.spec.model)

    async def _pause(self, seconds: float) -> bool:
        """Wait; true when a retry was asked for meanwhile."""
        try:
            await asyncio.wait_for(self._retry.wait(), seconds)
        except TimeoutError:
            return False
        self._retry.clear()
        return True

    def _idle_seconds(self) -> float:
        return time.monotonic() - self._last_used

    def _set(self, state: State, **values: Any) -> None:
        self.state = replace(self.state, state=state, **values)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _refuse(self) -> NoReturn:
        now, model = self.state, called(self.spec.model)
        what = {
            "missing_model": f"The model {model} cannot be used",
            "circuit_open": f"The model {model} keeps crashing",
        }.get(now.state, f"The model {model} is not ready yet ({now.state})")
        raise ModelUnavailable(
            what,
            cause=now.last_exit or "",
            remedy=now.remedy or "Ask again in a moment; a large model takes minutes to load",
        )
