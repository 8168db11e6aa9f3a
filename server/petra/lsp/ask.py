"""`petra/ask`: a question, its parts as `petra/stream` while they come, and the whole answer as result."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any, Protocol

from petra import telemetry
from petra.access import Identity
from petra.errors import BadRequest, PetraError
from petra.messages import AskRequest, StreamItem, collect, from_wire, to_wire

log = telemetry.logger(__name__)

STREAM = "petra/stream"
ID_LIMIT = 64


class Asks(Protocol):
    """Who answers questions: `petra.assistant.Assistant`, wired by `app.py`."""

    async def start(self, identity: Identity, request: AskRequest) -> str:
        """Begin an answer and return its id."""

    def follow(
        self, identity: Identity, answer_id: str, after_seq: int = -1
    ) -> AsyncGenerator[StreamItem, None]:
        """The parts of an answer as they are committed, `done` last."""

    async def cancel(self, identity: Identity, answer_id: str) -> None:
        """Stop an answer, down to the model."""


class Ask:
    """The feature for one session. `notify` sends a notification, `drained` waits for a slow client."""

    def __init__(
        self,
        asks: Asks,
        identity: Identity,
        notify: Callable[[str, dict[str, Any]], None],
        drained: Callable[[], Any],
    ) -> None:
        self._asks = asks
        self._identity = identity
        self._notify = notify
        self._drained = drained
        self._stream_ids: set[str] = set()

    async def __call__(self, params: dict[str, Any]) -> dict[str, Any]:
        """Answer. `params` are those of AskRequest and `id`, the name that the stream shall have."""
        stream_id = params.get("id")
        request = from_wire(AskRequest, {key: value for key, value in params.items() if key != "id"})
        if stream_id is None:
            return await self._answer(request, None)
        if not isinstance(stream_id, str) or not 0 < len(stream_id) <= ID_LIMIT:
            raise BadRequest(f"The id of a stream has to be a string of 1 to {ID_LIMIT} characters")
        if stream_id in self._stream_ids:
            raise BadRequest("A stream with this id is still running", remedy="Choose another id")
        self._stream_ids.add(stream_id)
        try:
            return await self._answer(request, stream_id)
        finally:
            self._stream_ids.remove(stream_id)

    async def _answer(self, request: AskRequest, stream_id: str | None) -> dict[str, Any]:
        """Stream and collect. Cancelling this call cancels the answer."""
        started = time.perf_counter()
        answer_id = await self._asks.start(self._identity, request)
        items: list[StreamItem] = []
        try:
            async with aclosing(self._asks.follow(self._identity, answer_id)) as parts:
                async for item in parts:
                    items.append(item)
                    self._notify(STREAM, to_wire(item) | {"id": stream_id or answer_id})
                    await self._drained()
        except (asyncio.CancelledError, ConnectionError):
            with suppress(PetraError):
                await self._asks.cancel(self._identity, answer_id)
            raise
        answer = collect(items)
        log.info(
            "lsp_answered",
            answer=answer_id,
            finish_reason=answer.finish_reason,
            seconds=round(time.perf_counter() - started, 3),
        )
        return to_wire(answer)
