"""How Petra is doing, for every door."""

from __future__ import annotations

from typing import Any

from petra import __version__
from petra.access import Identity, Presence
from petra.assistant import views
from petra.inference.supervisor import Supervisor
from petra.storage import collections, documents
from petra.storage.database import Database
from petra.storage.job_runner import JobRunner


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
        embedding_model: str,
    ) -> None:
        self._db = db
        self._supervisor = supervisor
        self._runner = runner
        self._presence = presence
        self._names = {"mode": mode, "model": model, "embedding_model": embedding_model}

    def workers(self) -> dict[str, dict[str, Any]]:
        """The state of each model worker, without its process: what anybody may know who may ask."""
        states = self._supervisor.states()
        return {name: views.worker(state) for name, state in states.items()}

    @property
    def active(self) -> int:
        """How many jobs run."""
        return self._runner.active()

    async def report(self, caller: Identity) -> dict[str, Any]:
        """All of it, with the collections of the person who asks."""
        async with self._db.read() as conn:
            mine = await collections.list_for(conn, caller.user_id)
            counted = [(item, await documents.list_in(conn, item.id)) for item in mine]
        return {
            "version": __version__,
            **self._names,
            "workers": self.workers(),
            "collections": [{"name": item.name, "documents": len(found)} for item, found in counted],
            "documents": sum(len(found) for _, found in counted),
            "jobs": self._runner.active(),
            "clients": self._presence.open,
        }
