"""`petra lsp`: an editor's stdio on one side, the one server of this machine on the other.

It answers `initialize` itself, at once and always, from `capabilities.json` (a test holds it equal to the
server's own reply), so an editor never waits for a server that is still starting. The server gets the
editor's `initialize` under an id of the forwarder's, and its reply is swallowed. A new server is first told
all that makes the session what it is (`replay`), open documents and their changes included. Three kinds of
threads, each with one job: `run` reads the editor, `_send_all` finds or starts the server and writes to it,
`_receive` reads one server until it ends. Standard library only, and little of it: what a connection needs is
imported after the first reply.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from petra import __version__
from petra.errors import PetraError
from petra.lsp.away import ServerAway
from petra.lsp.framing import FrameDecoder, FrameError, frame
from petra.lsp.replay import Replay

if TYPE_CHECKING:
    from petra.lsp.link import ToServer

INITIALIZE_ID = "petra-forwarder:initialize"
ENCODINGS = ("utf-8", "utf-16", "utf-32")
WAITING_LIMIT = 64 * 1024 * 1024
"""Bytes an editor may send while there is no server to take them."""

RETRY_SECONDS = 5.0
"""How long requests are refused at once after a server could not be reached or started."""

LAST_WRITE_SECONDS = 1.0
"""How long an editor that reads no more is waited for at the end."""

ERROR, WARNING = 1, 2
INVALID_REQUEST, REQUEST_FAILED = -32600, -32803


class Outgoing(NamedTuple):
    """A message for the server. `request` is its id when it wants a reply; `state` is the message itself
    when every new server has to be told it again."""

    body: bytes
    request: int | str | None = None
    state: dict[str, Any] | None = None


class Forwarder:
    """One editor's session. `connect` finds or starts the server; it may take long and raise PetraError."""

    def __init__(self, stdin: int, stdout: int, connect: Callable[[], ToServer]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._connect = connect
        self._outgoing: queue.SimpleQueue[Outgoing] = queue.SimpleQueue()
        self._waiting = 0
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._link: ToServer | None = None
        self._was_connected = False
        self._replay = Replay()
        self._failure: PetraError | None = None
        self._retry_at = 0.0
        self.heard = False
        """Whether there is an editor: something has been read."""
        self._initialized = False
        self._told_version = False
        self._shutdown = False
        self._over = False

    def run(self) -> int:
        """Forward until the editor says `exit` or is gone; the exit status that LSP asks for. Nothing is
        written once it has returned: the number of a closed descriptor may be somebody else's by then."""
        threading.Thread(target=self._send_all, name="to-server", daemon=True).start()
        decoder = FrameDecoder()
        try:
            while data := os.read(self._stdin, 64 * 1024):
                self.heard = True
                decoder.feed(data)
                while (body := decoder.next_body()) is not None:
                    if not self._from_editor(body):
                        return 0 if self._shutdown else 1
        except FrameError as error:
            self._show(ERROR, f"Petra stops: the editor sent {error}. Restart the language server.")
        except PetraError as error:
            self._show(ERROR, str(error))
        finally:
            self._over = True
            if self._writing.acquire(timeout=LAST_WRITE_SECONDS):
                self._writing.release()
            if self._link:
                self._link.close()
        return 1

    def _from_editor(self, body: bytes) -> bool:
        """Take one message of the editor's; False at `exit`."""
        message = _read(body)
        method, request = message.get("method"), message.get("id")
        if "method" not in message or not isinstance(request, int | str):
            request = None
        match method:
            case "exit":
                return False
            case "initialize" if request is not None:
                self._initialize(message, request)
            case "initialize":
                self._put(Outgoing(body))
            case method if request is None and self._replay.keeps(method):
                self._put(Outgoing(body, state=message))
            case "shutdown" if request is not None and self._link is None:
                # Nothing is there to shut down, and an editor that closes shall not wait for a start.
                self._shutdown = True
                self._reply(request, {"result": None})
            case _:
                self._shutdown = self._shutdown or method == "shutdown"
                self._put(Outgoing(body, request))
        return True

    def _initialize(self, message: dict[str, Any], request: int | str) -> None:
        if self._initialized:
            problem = {"code": INVALID_REQUEST, "message": "This session is initialized already"}
            self._reply(request, {"error": problem})
            return
        self._initialized = True
        result = initialize_result(message.get("params"))
        self._replay.encoding = result["capabilities"]["positionEncoding"]
        self._reply(request, {"result": result})
        message = message | {"id": INITIALIZE_ID}
        self._put(Outgoing(json.dumps(message).encode(), state=message))

    def _put(self, item: Outgoing) -> None:
        with self._lock:
            self._waiting += len(item.body)
            too_much = self._waiting > WAITING_LIMIT
        if too_much:
            raise ServerAway(
                "Petra stops: its server does not take what the editor sends",
                cause=f"More than {WAITING_LIMIT // 1024**2} MiB are waiting for it",
                remedy="Run `petra stop`, then restart the language server",
            )
        self._outgoing.put(item)

    def _send_all(self) -> None:
        """Give the editor's messages to the server, one after the other."""
        while True:
            item = self._outgoing.get()
            try:
                self._deliver(item)
            except PetraError as error:
                self._failed(error, item)
            except Exception as error:
                cause = f"{type(error).__name__}: {error}"
                self._failed(ServerAway("The Petra server cannot be reached", cause=cause), item)
            with self._lock:
                self._waiting -= len(item.body)

    def _deliver(self, item: Outgoing) -> None:
        if item.state is not None:
            self._replay.note(item.state, item.body)
        while True:
            with self._lock:
                link = self._link
                if link is not None and item.request is not None:
                    link.pending.add(item.request)
            if link is not None:
                break
            if self._was_connected and item.request is None:
                # A server that was stopped is not started again by mere typing.
                return
            if self._failure and time.monotonic() < self._retry_at:
                raise self._failure
            self._attach(self._connect())
            if item.state is not None:
                return  # it was among what the new server was told
        try:
            link.send(item.body)
        except OSError:
            self._lost(link)

    def _attach(self, link: ToServer) -> None:
        """Make `link` the server of this session."""
        try:
            for body in self._replay.frames():
                link.send(body)
        except OSError as error:
            link.close()
            raise ServerAway("The Petra server ended at once", cause=str(error)) from error
        with self._lock:
            self._link = link
        self._was_connected = True
        self._failure = None
        threading.Thread(target=self._receive, args=(link,), name="from-server", daemon=True).start()

    def _failed(self, error: PetraError, item: Outgoing) -> None:
        """There is no server: say why, once, and to every request."""
        if error is not self._failure:
            self._failure = error
            self._retry_at = time.monotonic() + RETRY_SECONDS
            self._show(ERROR, str(error))
        if item.request is not None:
            self._refuse(item.request, error)

    def _receive(self, link: ToServer) -> None:
        """Give what the server sends to the editor, until that server ends."""
        try:
            for body in link.bodies():
                self._from_server(link, body)
        except (OSError, FrameError):
            return  # The same as an end of the stream: this server sends nothing more.
        finally:
            self._lost(link)

    def _from_server(self, link: ToServer, body: bytes) -> None:
        message = _read(body)
        if "method" not in message and "id" in message:
            if message["id"] == INITIALIZE_ID:
                self._check_initialized(message)
                return
            with self._lock:
                link.pending.discard(message["id"])
        self._write(body)

    def _check_initialized(self, message: dict[str, Any]) -> None:
        """The server's reply to `initialize`: the editor has one already, and learns only of trouble."""
        if "error" in message:
            problem = message["error"].get("message", "")
            self._show(ERROR, f"Petra's server refused this editor's initialize: {problem}")
            return
        version = ((message.get("result") or {}).get("serverInfo") or {}).get("version")
        if version != __version__ and not self._told_version:
            self._told_version = True
            self._show(
                WARNING,
                f"The classroom's server is Petra {version}, this is Petra {__version__}: what only one of "
                "them knows will not work. Ask the person who runs it which version to install.",
            )

    def _lost(self, link: ToServer) -> None:
        """A server has ended: whoever waited for it is told, and the next request finds a new one."""
        with self._lock:
            pending, link.pending = link.pending, set()
            first = self._link is link
            if first:
                self._link = None
        link.close()
        error = ServerAway(
            "Petra's server has ended",
            cause="It was stopped, or it failed; the end of its log says which",
            remedy="Ask again: the next request starts it",
        )
        for request in pending:
            self._refuse(request, error)
        if first and not self._shutdown:
            self._show(WARNING, str(error))

    def _refuse(self, request: int | str, error: PetraError) -> None:
        problem = {"code": REQUEST_FAILED, "message": str(error), "data": error.as_values()}
        self._reply(request, {"error": problem})

    def _reply(self, request: int | str, outcome: dict[str, Any]) -> None:
        self._write(json.dumps({"jsonrpc": "2.0", "id": request} | outcome).encode())

    def _show(self, kind: int, text: str) -> None:
        """Tell the person; what is an error also by stderr, which editors log, and which a person without
        an editor sees."""
        if kind == ERROR and sys.stderr:
            with suppress(OSError):
                print(f"petra: {text}", file=sys.stderr, flush=True)  # noqa: T201
        params = {"type": kind, "message": text}
        message = {"jsonrpc": "2.0", "method": "window/showMessage", "params": params}
        self._write(json.dumps(message).encode())

    def _write(self, body: bytes) -> None:
        """Send one message to the editor. One that is gone is noticed where it is read."""
        rest = memoryview(frame(body))
        with self._writing:
            try:
                while rest and not self._over:
                    rest = rest[os.write(self._stdout, rest) :]
            except OSError:
                return


def initialize_result(params: Any) -> dict[str, Any]:
    """The reply to `initialize`: what every session of this version can do, with positions counted as
    the editor likes best."""
    try:
        wanted = params["capabilities"]["general"]["positionEncodings"]
        encoding = next(name for name in wanted if name in ENCODINGS)
    except (KeyError, TypeError, StopIteration):
        encoding = "utf-16"
    path = Path(__file__).with_name("capabilities.json")
    capabilities = json.loads(path.read_text(encoding="utf-8"))
    try:
        notebooks = params["capabilities"].get("notebookDocument") is not None
    except (AttributeError, KeyError, TypeError):
        notebooks = False
    if not notebooks:
        del capabilities["notebookDocumentSync"]
    return {
        "capabilities": capabilities | {"positionEncoding": encoding},
        "serverInfo": {"name": "petra", "version": __version__},
    }


def _read(body: bytes) -> dict[str, Any]:
    """The message, or an empty one for what is no JSON object: the server's answer to it is the better
    one."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
