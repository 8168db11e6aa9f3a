"""JSON-RPC as the specification has it, over pygls: every request gets one reply, with its own id.

pygls alone structures nested objects that happen to have a `jsonrpc` key, answers no malformed message,
ends the process on `exit`, logs bodies, and keeps the record of every notification it has handled.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import Future
from functools import cache, partial
from typing import Any, cast

import attrs
from cattrs import Converter
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, default_converter, lsp_method

from petra import telemetry
from petra.errors import BadRequest, PetraError
from petra.messages import error_to_wire, to_wire

log = telemetry.logger(__name__)

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_INITIALIZED = -32002
CANCELLED = -32800
REQUEST_FAILED = -32803

_NOT_PYGLS = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)
"""What `documents` and `notebooks` answer instead."""

_FIRST = (
    types.INITIALIZE,
    types.INITIALIZED,
    types.CANCEL_REQUEST,
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.TEXT_DOCUMENT_CODE_ACTION,
    types.TEXT_DOCUMENT_COMPLETION,
    types.TEXT_DOCUMENT_HOVER,
    types.WORKSPACE_EXECUTE_COMMAND,
)

CANCEL_TRIES, CANCEL_SECONDS = 3, 5.0

CODES = {"bad_request": INVALID_PARAMS, "cancelled": CANCELLED}
"""JSON-RPC codes for the codes of errors; all others are REQUEST_FAILED."""


@attrs.frozen
class Request:
    """A request without a type in LSP; its params stay what JSON made of them."""

    id: int | str
    method: str
    params: Any
    jsonrpc: str = "2.0"


@attrs.frozen
class Notification:
    """A notification without a type in LSP."""

    method: str
    params: Any
    jsonrpc: str = "2.0"


@attrs.frozen
class Response:
    """A response to a request of the server's own kind."""

    id: int | str
    result: Any
    jsonrpc: str = "2.0"


@cache
def converter() -> Converter:
    """One converter for all sessions: it knows types, not clients, and costs milliseconds to build."""
    built: Converter = default_converter()  # type: ignore[no-untyped-call]
    return built


def warm() -> None:
    """Build what reads the first messages of a client. Call it in a thread before there is one: built when
    they come, it holds the loop for some 30 ms."""
    for method in _FIRST:
        converter().get_structure_hook(types.METHOD_TO_TYPES[method][0])


def error_reply(code: int, message: str, data: Any = None) -> types.ResponseError:
    """The error object of a reply."""
    return types.ResponseError(code=code, message=message, data=data)


class PetraProtocol(LanguageServerProtocol):
    """One client's protocol state. `receive` is the only way in, `writer` the only way out."""

    _initialized = False

    def __init__(self, server: Any, converter: Converter) -> None:
        """A protocol without the documents of pygls, which reads what it does not know from the disk."""
        super().__init__(server, converter)
        self.background: set[asyncio.Task[None]] = set()
        """What goes on after the reply to the request that began it; it ends with the client."""
        for method in _NOT_PYGLS:
            del self.fm.builtin_features[method]

    @property
    def ready(self) -> bool:
        """Whether the client has said `initialize` and not yet `shutdown`."""
        return self._initialized and not self._shutdown

    @property
    def has_shut_down(self) -> bool:
        """Whether the client has said `shutdown`."""
        return self._shutdown

    def receive(self, body: bytes) -> None:
        """Handle one message. Never raises: what is wrong with it is said to the client."""
        try:
            data = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            self._send_response(None, error=error_reply(PARSE_ERROR, "The message is not UTF-8 JSON"))
            return
        if not isinstance(data, dict):
            problem = error_reply(INVALID_REQUEST, "A message has to be one JSON object; LSP has no batches")
            self._send_response(None, error=problem)
        elif (malformed := _malformed(data)) is not None:
            # Echoing the id of something that is no request could settle a request of the client's.
            msg_id = data.get("id") if "method" in data and _is_id(data.get("id")) else None
            self._send_response(msg_id, error=malformed)
        elif (untimely := self._untimely(data)) is None:
            self._dispatch(data)
        elif "id" in data:
            # To a notification there is no reply: one that comes at the wrong time is dropped.
            self._send_response(data["id"], error=untimely)

    def _untimely(self, data: dict[str, Any]) -> types.ResponseError | None:
        """Why this message may not come now, or None."""
        method = data.get("method")
        if method is None or method == types.EXIT:
            return None
        if self._shutdown:
            return error_reply(INVALID_REQUEST, "After shutdown, only exit is expected")
        if not self._initialized and method != types.INITIALIZE:
            return error_reply(NOT_INITIALIZED, "The first request has to be initialize")
        if self._initialized and method == types.INITIALIZE:
            return error_reply(INVALID_REQUEST, "This session is initialized already")
        if data.get("id") in self._request_futures:
            return error_reply(INVALID_REQUEST, "A request with this id is still running")
        return None

    def _dispatch(self, data: dict[str, Any]) -> None:
        try:
            message = self.structure_message(data)
        except Exception as error:
            # The error's own text may quote the document: only its type is logged.
            log.warning("lsp_params_refused", method=data.get("method"), error=type(error).__name__)
            if "method" not in data:
                self._fail_request(data["id"])
            elif "id" in data:
                problem = f"The params do not fit {data['method']}"
                self._send_response(data["id"], error=error_reply(INVALID_PARAMS, problem))
            return
        if message is None:
            return
        if "id" in data and not hasattr(message, "id"):
            problem = f"{data['method']} is a notification and takes no id"
            self._send_response(data["id"], error=error_reply(INVALID_REQUEST, problem))
            return
        if data.get("method") == types.INITIALIZE:
            self._initialized = True
        self.handle_message(message)

    def _fail_request(self, msg_id: int | str) -> None:
        """The client's reply to a request of the server's does not fit: whoever waits for it is told."""
        if (future := self._request_futures.pop(msg_id, None)) is not None:
            future.set_exception(JsonRpcInvalidParams("The editor's reply does not fit the request"))

    def forget(self, msg_id: str) -> None:
        """Wait no longer for the client's reply to `msg_id`."""
        self._request_futures.pop(msg_id, None)
        self._result_types.pop(msg_id, None)

    def structure_message(self, data: dict[str, Any]) -> Any:
        """The typed message, or None for a response that nobody waits for."""
        method = data.get("method")
        if method is None:
            # A client that makes up the id of its own request must not settle that request's future.
            if data["id"] not in self._result_types:
                return None
            result_type = self._result_types.pop(data["id"])
            if "error" in data:
                return converter().structure(data, types.ResponseErrorMessage)
            if result_type is not None:
                return converter().structure(data, result_type)
            return Response(data["id"], data["result"])
        if (message_type := self.get_message_type(method)) is not None:
            return converter().structure(data, message_type)
        if "id" in data:
            return Request(data["id"], method, data.get("params"))
        return Notification(method, data.get("params"))

    # pygls wraps these two in lru_cache, which keeps the server of every client that ever was.
    def get_message_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        """The lsprotocol type of a message, or None for a method that LSP does not know."""
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> type[Any] | None:  # type: ignore[override]
        """The lsprotocol type of a response, or None."""
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    def _execute_handler(
        self, msg_id: Any, handler: Any, callback: Any, args: Any = None, kwargs: Any = None
    ) -> None:
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        # pygls forgets finished requests but keeps finished notifications: one for every keystroke.
        if (future := self._request_futures.get(msg_id)) is not None:
            future.add_done_callback(partial(self._forget, msg_id))

    def _forget(self, msg_id: Any, future: Future[Any]) -> None:
        if self._request_futures.get(msg_id) is future:
            del self._request_futures[msg_id]

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        # pygls forgets the request here. One whose clearing up takes longer than its client's next request
        # of the same id would take that one's place, and nobody would hold or cancel it any more.
        if (future := self._request_futures.get(msg_id)) is not None:
            future.cancel()

    def _send_handler_result(self, future: Future[Any], *, msg_id: Any) -> None:
        self._forget(msg_id, future)
        if future.cancelled():
            self._send_response(msg_id, error=error_reply(CANCELLED, "The request was cancelled"))
        elif (error := future.exception()) is None:
            self._send_response(msg_id, result=future.result())
        elif isinstance(error, PetraError):
            code = CODES.get(error.code, REQUEST_FAILED)
            data = to_wire(error_to_wire(error))
            self._send_response(msg_id, error=error_reply(code, str(error), data))
        elif hasattr(error, "to_response_error"):
            self._send_response(msg_id, error=error.to_response_error())
        else:
            log.error("lsp_request_failed", error=type(error).__name__, where=where(error))
            problem = PetraError(
                "Petra failed on this request",
                cause=f"An unexpected {type(error).__name__}; the log says where",
                remedy="Try again",
            )
            data = to_wire(error_to_wire(problem))
            self._send_response(msg_id, error=error_reply(INTERNAL_ERROR, str(problem), data))

    def _check_handler_result(self, future: Future[Any]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.warning("lsp_notification_failed", error=type(error).__name__, where=where(error))

    def _send_response(
        self, msg_id: Any, result: Any = None, error: types.ResponseError | None = None
    ) -> None:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": msg_id}
        if error is None:
            reply["result"] = result
        else:
            reply["error"] = error
        self._send_data(reply)

    def _send_data(self, data: Any) -> None:
        if self.writer is not None:
            text = json.dumps(data, default=self._serialize_message, separators=(",", ":"))
            self.writer.write(text.encode("utf-8"))

    async def cancel_all(self) -> None:
        """Cancel every running request, because nobody is left to read the replies, and let them end."""
        running: Iterable[Any] = [*self._request_futures.values(), *self.background]
        self._request_futures.clear()
        for _ in range(CANCEL_TRIES):
            for future in running:
                future.cancel()
            tasks = [item for item in running if isinstance(item, asyncio.Future) and not item.done()]
            if not tasks:
                return
            _, running = await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        if running := list(running):
            # A request that takes no cancel shall not keep the session of a client that has gone.
            log.error(
                "lsp_requests_do_not_end", count=len(running), where=sorted({waits(item) for item in running})
            )

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> None:  # type: ignore[override]
        """Stop what runs for this client; after this only `exit` is expected."""
        self._shutdown = True
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != self.msg_id:
                future.cancel()
        for task in self.background:
            task.cancel()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]
        """End this session, and never the server, which others use as well."""
        if self.writer is not None:
            self.writer.close()

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """Run a command in the request's own task: pygls leaves it running when that is cancelled."""
        if (command := self.fm.commands.get(params.command)) is None:
            raise BadRequest("There is no such command", cause=f"Petra does not know {params.command[:64]!r}")
        return await command(list(params.arguments or ()))


def _malformed(data: dict[str, Any]) -> types.ResponseError | None:
    """Why this object is no JSON-RPC message, or None."""
    if data.get("jsonrpc") != "2.0":
        return error_reply(INVALID_REQUEST, 'A message needs "jsonrpc": "2.0"')
    if "id" in data and not _is_id(data["id"]):
        return error_reply(INVALID_REQUEST, "An id has to be a string or a whole number")
    if "method" not in data:
        if "id" in data and ("result" in data or "error" in data):
            return None
        return error_reply(INVALID_REQUEST, "The message is neither request, notification nor response")
    if not isinstance(data["method"], str):
        return error_reply(INVALID_REQUEST, "The method has to be a string")
    if not isinstance(data.get("params"), dict | list | None):
        return error_reply(INVALID_PARAMS, "The params have to be an object")
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def waits(task: asyncio.Task[Any]) -> str:
    """Files and lines where a task waits, the innermost first, as far as coroutines tell."""
    places: list[str] = []
    step = cast(Any, task.get_coro())
    while step is not None:
        if frame := getattr(step, "cr_frame", None):
            places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        step = getattr(step, "cr_await", None)
    return " < ".join(reversed(places))


def where(error: BaseException) -> str:
    """File and line where an error arose, without its text, which may quote what a person wrote."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    return f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
