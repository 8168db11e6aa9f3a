"""One client's session: the methods it may call, and on whose behalf."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from petra import telemetry
from petra.access import Action, Identity, authorize
from petra.errors import BadRequest, PetraError
from petra.lsp.ask import Ask, Asks
from petra.lsp.protocol import PetraProtocol, converter
from petra.lsp.transport import Outbox

Handler = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Session(LanguageServer):
    """A language server for exactly one connection; the connection ends it.

    `methods` names every method of Petra's own with the action that `authorize` is asked about.
    """

    protocol: PetraProtocol

    def __init__(self, asks: Asks, identity: Identity, version: str) -> None:
        super().__init__(
            "petra",
            version,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            protocol_cls=PetraProtocol,
            converter_factory=converter,
        )
        self.identity = identity
        self.methods: dict[str, Action] = {}
        self._add("petra/ask", "ask", Ask(asks, identity, self.protocol.notify, self._drained))

    def _add(self, method: str, action: Action, handler: Handler) -> None:
        """Register a method of Petra's own: the one place, so none is without its `authorize`."""

        async def guarded(params: Any) -> dict[str, Any]:
            with _counted(method):
                authorize(self.identity, action)
                if not isinstance(params, dict):
                    raise BadRequest("The params have to be an object")
                return await handler(params)

        self.methods[method] = action
        self.feature(method)(guarded)

    async def _drained(self) -> None:
        if isinstance(self.protocol.writer, Outbox):
            await self.protocol.writer.drained()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Nothing: replies carry their errors, and the protocol logs the rest. pygls would show the
        text of an internal error to the person."""


@contextmanager
def _counted(method: str) -> Iterator[None]:
    """Metrics of one request; its status is `ok`, the code of its error, or `cancelled`."""
    status = "cancelled"
    try:
        with telemetry.timed(telemetry.request_seconds.labels("lsp", method)):
            yield
        status = "ok"
    except PetraError as error:
        status = error.code
        raise
    except Exception:
        status = PetraError.code
        raise
    finally:
        telemetry.requests_total.labels("lsp", method, status).inc()
