"""The chat models of one worker: the first is there from the start, others from their first request until
nobody has used them for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from petra.errors import NotFound
from petra.inference.worker import problems
from petra.inference.worker.engine import ChatEngine

# A model that is not gone by then is loaded again beside what is left of it.
CLOSING_SECONDS = 30.0

Load = Callable[[], ChatEngine]
"""Blocks until the model is proven. Raises PetraError."""


@dataclass(frozen=True)
class Model:
    """What a request's `model` stands for; `adapter` is the LoRA to use, `name` what it was asked by."""

    name: str
    engine: ChatEngine
    adapter: str | None = None


@dataclass(frozen=True)
class Listed:
    """A line of /v1/models. `context` in tokens is None while the model is not loaded; `parent` is the
    model that an adapter changes."""

    name: str
    parent: str | None
    context: int | None


@dataclass
class _Entry:
    name: str
    load: Load | None
    engine: ChatEngine | None = None
    users: int = 0
    loading: asyncio.Task[None] | None = None
    closing: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = None


class Registry:
    """`default` is loaded and stays. `others` are loaded in a thread when they are asked for, and unloaded
    `idle_unload_s` seconds after their last use, never if that is 0. `adapters` are the LoRAs of `others`
    by name, each with the name of its model; the default's are its own to say.

    A worker that has one model and no adapter takes any name for it, as most clients expect.
    """

    def __init__(
        self,
        default: ChatEngine,
        others: Mapping[str, Load] | None = None,
        *,
        adapters: Mapping[str, str] | None = None,
        idle_unload_s: float = 0.0,
    ) -> None:
        self.default = default
        self._entries = {default.name: _Entry(default.name, None, default)}
        self._entries |= {name: _Entry(name, load) for name, load in (others or {}).items()}
        self._parents = {**dict.fromkeys(default.adapters, default.name), **(adapters or {})}
        self._idle_unload_s = idle_unload_s

    @asynccontextmanager
    async def use(self, name: str | None) -> AsyncIterator[Model]:
        """The model of that name, which stays loaded until this ends. Raises NotFound, or what its loading
        raises."""
        entry, adapter = self._find(name)
        entry.users += 1
        if entry.timer:
            entry.timer.cancel()
        try:
            yield Model(adapter or entry.name, await self._engine(entry), adapter)
        finally:
            entry.users -= 1
            self._leave(entry)

    def listed(self) -> Sequence[Listed]:
        """All names, the default first."""
        contexts = {
            name: entry.engine.context if entry.engine else None for name, entry in self._entries.items()
        }
        models = [Listed(name, None, context) for name, context in contexts.items()]
        return models + [Listed(name, parent, contexts[parent]) for name, parent in self._parents.items()]

    def health(self) -> dict[str, Any]:
        """The default's, with what all have to do together, and which are loaded where there are several.
        The age of the progress is the oldest of those that are busy."""
        found = [entry.engine.health() for entry in self._entries.values() if entry.engine]
        busy = [health["progress_age_s"] for health in found if health["busy"]]
        health = {
            **found[0],
            "busy": bool(busy),
            "progress_age_s": max(busy, default=0.0),
            "queued": sum(health["queued"] for health in found),
            "served": sum(health["served"] for health in found),
        }
        if len(self._entries) > 1:
            health["loaded"] = [name for name, entry in self._entries.items() if entry.engine]
        return health

    async def close(self) -> None:
        """End the work under way and free all models."""
        entries = self._entries.values()
        for entry in entries:
            if entry.timer:
                entry.timer.cancel()
            if entry.loading:
                with suppress(Exception):
                    await entry.loading
        for engine in [entry.engine for entry in entries if entry.engine]:
            await _closed(engine)
        if closing := [entry.closing for entry in entries if entry.closing]:
            await asyncio.wait(closing, timeout=CLOSING_SECONDS)

    def _find(self, name: str | None) -> tuple[_Entry, str | None]:
        if name is None or (len(self._entries) == 1 and not self._parents):
            return self._entries[self.default.name], None
        if name in self._entries:
            return self._entries[name], None
        if name in self._parents:
            return self._entries[self._parents[name]], name
        raise NotFound(
            f"There is no model {name[:100]!r} here",
            cause=f"There are {', '.join([*self._entries, *self._parents])}",
        )

    async def _engine(self, entry: _Entry) -> ChatEngine:
        while entry.engine is None:
            if entry.loading is None:
                entry.loading = asyncio.create_task(self._load(entry))
                # Those who wait are told; when they have all gone, nobody asks the task how it ended.
                entry.loading.add_done_callback(lambda task: task.cancelled() or task.exception())
            # One of several who wait may leave without ending it for the others.
            await asyncio.shield(entry.loading)
        return entry.engine

    async def _load(self, entry: _Entry) -> None:
        try:
            if entry.closing:
                await asyncio.wait({entry.closing}, timeout=CLOSING_SECONDS)
            if entry.load:
                entry.engine = await asyncio.to_thread(entry.load)
        finally:
            entry.loading = None
        self._leave(entry)

    def _leave(self, entry: _Entry) -> None:
        """Nobody may need it now: unload it later."""
        if entry.users == 0 and entry.load and entry.engine and self._idle_unload_s > 0:
            if entry.timer:
                entry.timer.cancel()
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(self._idle_unload_s, self._unload, entry)

    def _unload(self, entry: _Entry) -> None:
        engine, entry.engine = entry.engine, None
        if engine:
            entry.closing = asyncio.create_task(_closed(engine))


async def _closed(engine: ChatEngine) -> None:
    """Close a model; one that cannot be closed is in nobody's way."""
    try:
        await engine.close()
    except Exception as error:  # whatever it is, the others are to be closed and loaded all the same
        problems.unforeseen(error)
