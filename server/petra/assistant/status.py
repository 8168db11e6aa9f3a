"""How Petra is doing, for every door; and word of it when that changes."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any

from petra import __version__, telemetry
from petra.access import Identity, Presence
from petra.assistant import views
from petra.inference.supervisor import Supervisor
from petra.storage import collections, documents
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner

log = telemetry.logger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at what runs while somebody wants to hear of it. All of it is in memory."""

READING = frozenset(("index", "ingest"))
"""Kinds of jobs after which answers know more than before."""

State = dict[str, Any]
"""`workers` by name, how many `jobs` run, whether some read files (`indexing`), and whether some are
`paused`."""


class Health:
    """What runs and what is there."""

    def __init__(
        self,
        db: Database,
        supervisor: Supervisor,
        runner: JobRunner,
        presence: Presence,
        *,
        mode: str,
        model: str,
    ) -> None:
        self._db = db
        self._supervisor = supervisor
        self._runner = runner
        self._presence = presence
        self._names = {"mode": mode, "model": model}
        self._listeners: list[weakref.WeakMethod[Callable[[State], None]]] = []
        self._watch: asyncio.Task[None] | None = None

    def state(self) -> State:
        """What changes from moment to moment, and belongs to nobody."""
        return {
            "workers": {name: views.worker(state) for name, state in self._supervisor.states().items()},
            "jobs": self._runner.active(),
            "indexing": not READING.isdisjoint(self._runner.kinds()),
            "paused": bool(self._runner.resting),
        }

    def listen(self, listener: Callable[[State], None]) -> None:
        """Call a bound method with the state now and again, about once a second, for as long as its
        object lives."""
        self._listeners.append(weakref.WeakMethod(listener))
        if self._watch is None:
            self._watch = asyncio.create_task(self._look(), name="status-watch")

    async def close(self) -> None:
        """Tell nobody any more."""
        if self._watch:
            self._watch.cancel()
            await asyncio.wait([self._watch])

    async def report(self, caller: Identity) -> dict[str, Any]:
        """All of it, with the collections of the person who asks."""
        async with self._db.read() as conn:
            mine = await collections.list_for(conn, caller.user_id)
            counted = [(item, await documents.list_in(conn, item.id)) for item in mine]
        state = self.state()
        return {
            "version": __version__,
            **self._names,
            "embedding_model": self._supervisor.state("embed").model,
            "workers": state["workers"],
            "collections": [{"name": item.name, "documents": len(found)} for item, found in counted],
            "documents": sum(len(found) for _, found in counted),
            "jobs": state["jobs"],
            "clients": self._presence.open,
        }

    async def _look(self) -> None:
        while self._listeners:
            await asyncio.sleep(LOOK_SECONDS)
            state = self.state()
            self._listeners = [known for known in self._listeners if known() is not None]
            for known in self._listeners:
                try:
                    if listener := known():
                        listener(state)
                except Exception:  # one client that fails is no reason not to tell the others
                    log.exception("status_listener_failed")
        self._watch = None
