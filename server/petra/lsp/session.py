"""One client's session: what it can do, what it has open and set, and the methods it may call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from petra import telemetry
from petra.access import Action, Identity, authorize
from petra.errors import BadRequest, NotAllowed, PetraError
from petra.lsp import notebooks
from petra.lsp.documents import Documents
from petra.lsp.feature import Command, Feature, Handler, Method
from petra.lsp.features import Parts, features
from petra.lsp.notebooks import Notebooks
from petra.lsp.params import read
from petra.lsp.preferences import Configuration, Preferences
from petra.lsp.protocol import PetraProtocol, converter, where
from petra.lsp.text import Encoding
from petra.lsp.transport import Outbox

log = telemetry.logger(__name__)

REQUEST_SECONDS = 5.0
"""How long the editor may take to answer what the server asks without a person in between."""


class Session(LanguageServer):
    """A language server for exactly one connection; the connection ends it.

    Features use what is public here. `methods` names everything that is registered, with the action
    that `authorize` is asked about.
    """

    protocol: PetraProtocol

    def __init__(self, parts: Parts, identity: Identity, version: str) -> None:
        super().__init__(
            "petra",
            version,
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            notebook_document_sync=notebooks.SYNC,
            protocol_cls=PetraProtocol,
            converter_factory=converter,
        )
        self.identity = identity
        self.methods: dict[str, Action] = {}
        self.answers = parts.answers
        """The folder of the answer files of this machine's own editors."""
        self.answering: set[str] = set()
        """The answer files, by URI, into which an answer is being written."""
        self._others = parts.sessions
        self.documents = Documents(self)
        self.notebooks = Notebooks(self)
        self._configuration = Configuration(self)
        own: list[Feature] = [self.documents, self.notebooks, self._configuration]
        for feature in own + features(self, parts):
            for item in feature.methods():
                self._register(item)

    @property
    def ready(self) -> bool:
        """Whether the editor may be told something: it has said `initialize`, and nobody has left."""
        return self.protocol.ready and self.connected

    @property
    def connected(self) -> bool:
        """Whether somebody still reads what is sent."""
        writer = self.protocol.writer
        return isinstance(writer, Outbox) and not writer.closed

    @property
    def client(self) -> types.ClientCapabilities:
        """What the editor can do. Only after `initialize`, as everything below."""
        return self.protocol.client_capabilities

    @property
    def encoding(self) -> Encoding:
        """The unit in which both sides count columns."""
        encoding: Encoding = self.workspace.position_encoding  # type: ignore[assignment]
        return encoding

    @property
    def folders(self) -> list[str]:
        """The URIs of the workspace folders, or of the one root that an older editor names."""
        found = [folder.uri for folder in self.workspace.folders.values()]
        root = self.workspace.root_uri
        return found or ([root] if root else [])

    @property
    def preferences(self) -> Preferences:
        """What the person has set in the editor."""
        return self._configuration.current

    def prefer_model(self, name: str) -> None:
        """Let this model answer here, until the settings of the editor say another."""
        self._configuration.current = replace(self._configuration.current, model=name)

    @property
    def left_politely(self) -> bool:
        """Whether the client has said `shutdown`."""
        return self.protocol.has_shut_down

    def peers(self) -> list[Session]:
        """Other sessions of this person on this machine that are connected."""
        return [
            other
            for other in self._others()
            if other is not self
            and other.ready
            and (other.identity.user_id, other.identity.local) == (self.identity.user_id, True)
        ]

    def owns(self, uri: str) -> bool:
        """Whether this is one of Petra's own answer files: nobody's material, and the only files that it
        edits without being asked."""
        if self.answers is None or not self.identity.local or not uri.startswith("file:"):
            return False
        path = to_fs_path(uri)
        return path is not None and Path(path).parent == self.answers

    def path(self, uri: str) -> Path:
        """The file that `uri` names, for reading: the only way from what a client says to this disk.

        Raises NotAllowed for a session that did not arrive over this machine's own socket.
        """
        if not self.identity.local:
            raise NotAllowed(
                "Files of the server's machine are not opened from another one",
                cause="This editor did not arrive over the machine's own socket",
                remedy="Open the file in the editor: Petra sees what is open",
            )
        if not uri.startswith("file:") or (path := to_fs_path(uri)) is None:
            raise BadRequest("This is not a file", cause=f"Its address is {uri[:200]}")
        return Path(path)

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification; whoever sends many awaits `drained` between."""
        self.protocol.notify(method, params)

    async def request(self, method: str, params: Any = None, seconds: float | None = REQUEST_SECONDS) -> Any:
        """Ask the editor and return its result. None waits for as long as it takes: for a person's answer.

        Raises TimeoutError, or JsonRpcException for an error that the editor reports.
        """
        msg_id = f"petra-{uuid4().hex}"
        future = self.protocol.send_request(method, params, msg_id=msg_id)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.wrap_future(future)
        finally:
            self.protocol.forget(msg_id)

    def show(self, kind: types.MessageType, text: str) -> None:
        """Show a message to the person."""
        self.notify(types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(type=kind, message=text))

    async def drained(self) -> None:
        """Wait until the client has read what was sent. Raises ConnectionError when it never does."""
        if isinstance(self.protocol.writer, Outbox):
            await self.protocol.writer.drained()

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Go on with `work` after the reply to the request that began it, until the client leaves."""
        task = asyncio.create_task(work)
        self.protocol.background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.protocol.background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # There is no reply that could carry it.
            log.error("lsp_background_failed", error=type(error).__name__, where=where(error))
            if self.ready:
                self.show(types.MessageType.Error, "Petra failed while it worked on this; the log says where")

    def _register(self, item: Method | Command) -> None:
        """Add a method or command: the one place, so none is without its `authorize`."""
        guarded = self._guarded(item)
        self.methods[item.name] = item.action
        if isinstance(item, Command):
            self.command(item.name)(guarded)
        else:
            self.feature(item.name, item.options)(guarded)

    def _guarded(self, item: Method | Command) -> Handler:
        """The handler behind its guard: metrics, the right to call it, and params that fit."""
        read = _reader(item)
        if asyncio.iscoroutinefunction(item.handler):

            async def waiting(params: Any) -> Any:
                with _counted(item.name):
                    authorize(self.identity, item.action)
                    return await item.handler(read(params))

            return waiting

        def at_once(params: Any) -> Any:
            with _counted(item.name):
                authorize(self.identity, item.action)
                return item.handler(read(params))

        return at_once

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Nothing: replies carry their errors, and the protocol logs the rest. pygls would show the
        text of an internal error to the person."""


def _reader(item: Method | Command) -> Callable[[Any], Any]:
    """What makes a handler's params of those that came: LSP's own are read already."""
    if isinstance(item, Command) or not item.name.startswith("petra/"):
        return lambda params: params
    if item.params is None:
        return _object
    cls = item.params
    return lambda params: read(cls, params)


def _object(params: Any) -> dict[str, Any]:
    if not isinstance(params, dict):
        raise BadRequest("The params have to be an object")
    return params


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
