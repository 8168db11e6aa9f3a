"""`petra/status`, `petra/statusChanged`, and what a person has to know, said once in the editor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types

from petra.access import ROLES
from petra.assistant.completion.completing import Completing
from petra.assistant.status import Health, State
from petra.inference.addresses import called
from petra.lsp.feature import Method

if TYPE_CHECKING:
    from petra.lsp.session import Session

CHANGED = "petra/statusChanged"
_DETAILS = ("pid", "last_exit", "restarts", "degraded")
"""Of a worker: for those who run the server."""


@attrs.frozen(kw_only=True)
class StatusParams:
    """Nothing to say."""


class Status:
    """How the server is, for one session. It never makes up diagnostics of the person's files."""

    def __init__(self, session: Session, health: Health, completing: Completing | None) -> None:
        self._session = session
        self._health = health
        self._completing = completing
        self._last: State | None = None
        self._said: set[str] = set()
        self._restarts: dict[str, int] = {}
        health.listen(self._changed)

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/status", "use_editor", self.status, StatusParams),)

    async def status(self, _: StatusParams) -> dict[str, Any]:
        """What runs and what is there; to those who do not run the server without its details."""
        report = await self._health.report(self._session.identity)
        if not self._staff:
            del report["clients"]
        off = await self._completing.off() if self._completing else "Nobody makes suggestions here"
        completion = {"available": not off} | ({"why": off} if off else {})
        return report | self._shown(self._health.state()) | {"completion": completion}

    @property
    def _staff(self) -> bool:
        return self._session.identity.role in ROLES["read_status"]

    def _shown(self, state: State) -> State:
        if self._staff:
            return state
        workers = {
            name: {key: value for key, value in worker.items() if key not in _DETAILS}
            for name, worker in state["workers"].items()
        }
        return state | {"workers": workers}

    def _changed(self, state: State) -> None:
        """The state of this second: pass it on when it is another one, and say what is new once."""
        if not self._session.ready:
            return
        shown = self._shown(state)
        if shown != self._last:
            self._last = shown
            self._session.notify(CHANGED, shown)
        for key, kind, text in news(state, self._restarts):
            if key not in self._said:
                self._said.add(key)
                self._session.show(kind, text)
        self._restarts = {name: worker.get("restarts", 0) for name, worker in state["workers"].items()}


def news(state: State, restarts: Mapping[str, int]) -> Iterator[tuple[str, types.MessageType, str]]:
    """What a person has to know of a state: a key under which it is said once, how grave it is, and the
    text. `restarts` are those of each worker a moment before. Pure."""
    for name, worker in state["workers"].items():
        model, remedy = worker["model"], worker.get("remedy", "")
        what = "answers questions" if name == "chat" else "finds passages by meaning"
        if worker["state"] == "missing_model":
            text = f"The model {model}, which {what}, is not there. {remedy}".strip()
            yield f"missing {model}", types.MessageType.Warning, text
        elif worker["state"] == "circuit_open":
            text = f"The model {called(model)} keeps crashing. {remedy}".strip()
            yield f"crashing {model}", types.MessageType.Warning, text
        elif worker.get("restarts", 0) > restarts.get(name, worker.get("restarts", 0)):
            text = f"The model {called(model)} had to be started again; what it was writing is kept."
            yield f"restarted {model}", types.MessageType.Info, text
    if state["indexing"]:
        text = "Petra reads files; answers know more of them by and by."
        yield "indexing", types.MessageType.Info, text
