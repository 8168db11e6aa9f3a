"""`/ws`: questions and answers over one socket, as parts or in the plain chat contract."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import attrs
import structlog
from aiohttp import WSMsgType, web

from petra import telemetry
from petra.access import Action, authorize
from petra.api import body, chat
from petra.api.keys import ASSISTANT, DB, SETTINGS, SOCKETS
from petra.api.routes import Route, identity, route
from petra.errors import BadRequest, Busy, PetraError
from petra.messages import AskRequest, Mode, StreamItem, Text, collect, error_to_wire, from_wire, to_wire
from petra.storage import conversations

log = telemetry.logger(__name__)

HEARTBEAT = 20.0
"""Seconds between pings; a peer that does not answer one within half of that is gone."""

SEND_DEADLINE = 30.0
"""Seconds a client may leave its end unread before it is dropped."""

LAST_SEQ = 2**31
"""No answer has as many parts; a database takes no number of any size."""

STREAMS = 16
"""Answers that one socket may follow at a time."""


@attrs.frozen(kw_only=True)
class Ask:
    """A question; `ref` is the client's own name for it and comes back with every part."""

    ref: str
    request: AskRequest


@attrs.frozen(kw_only=True)
class Resume:
    """Go on with an answer after `seq`, the last part that was seen (-1: none)."""

    ref: str
    id: str
    seq: int


@attrs.frozen(kw_only=True)
class Cancel:
    """Stop an answer."""

    id: str


@attrs.frozen(kw_only=True)
class Message:
    """The plain chat contract. `user_id` is accepted and means nothing: the token says who asks."""

    content: str
    conversation_id: str | None = None
    mode: Mode = "qa"
    user_id: str | None = None


FRAMES: dict[str, tuple[type[Any], Action]] = {
    "ask": (Ask, "ask"),
    "resume": (Resume, "read_answer"),
    "cancel": (Cancel, "cancel_answer"),
    "message": (Message, "ask"),
}
"""What a client may send, and the action that `authorize` is asked about for each."""


async def connect(request: web.Request) -> web.WebSocketResponse:
    """Serve one socket until it closes. Its answers go on for the assistant's grace period."""
    socket = web.WebSocketResponse(
        heartbeat=HEARTBEAT,
        max_msg_size=request.app[SETTINGS].body_limit,
        compress=False,  # small frames; and a compressed one may unpack to anything
    )
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    session = Session(request, socket)
    try:
        await session.serve()
    finally:
        request.app[SOCKETS].discard(socket)
        await session.close()
    return socket


async def close_all(app: web.Application) -> None:
    """Tell every client that the server is leaving (1001), so that it comes back by itself."""
    leaving = [socket.close(code=1001, message=b"server is stopping") for socket in app[SOCKETS]]
    await asyncio.gather(*leaving)


class Session:
    """One socket: reads frames, and follows each answer in a task of its own."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._transport = request.transport
        self._caller = identity(request)
        self._assistant = request.app[ASSISTANT]
        self._db = request.app[DB]
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Handle frames until the socket closes. aiohttp closes it by 1009 at a frame over the limit."""
        async for frame in self._socket:
            if frame.type is WSMsgType.TEXT:
                await self._receive(frame.data)
            elif frame.type is WSMsgType.BINARY:
                await self._fail(BadRequest("Frames are JSON text", cause="This one is binary"))

    async def close(self) -> None:
        """Follow no answer any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _receive(self, data: str) -> None:
        with structlog.contextvars.bound_contextvars(request_id=uuid4().hex[:16]):
            try:
                frame = _read(data)
                authorize(self._caller, FRAMES[frame[0]][1])
                if isinstance(frame[1], Cancel):
                    await self._assistant.cancel(self._caller, frame[1].id)
                    return
                if len(self._tasks) >= STREAMS:
                    raise Busy(
                        f"This connection already follows {STREAMS} answers",
                        remedy="Wait for one of them, or cancel it",
                    )
            except PetraError as error:
                await self._fail(error)
                return
            task = asyncio.create_task(self._answer(frame[1]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, frame: Ask | Resume | Message) -> None:
        try:
            match frame:
                case Ask():
                    answer_id = await self._assistant.start(self._caller, frame.request)
                    await self._parts(frame.ref, answer_id, -1)
                case Resume():
                    await self._parts(frame.ref, frame.id, min(max(frame.seq, -1), LAST_SEQ))
                case Message():
                    await self._chat(frame)
        except ConnectionError:
            return  # the client has gone
        except TimeoutError:
            log.info("socket_dropped", reason="the client does not read")
            self._drop()
        except PetraError as error:
            await self._fail(error, ref=getattr(frame, "ref", None))
        except Exception:
            log.exception("socket_message_failed")
            await self._fail(PetraError("Petra failed at this message", remedy="Try again"))

    async def _parts(self, ref: str, answer_id: str, after_seq: int) -> None:
        async with aclosing(self._assistant.follow(self._caller, answer_id, after_seq)) as items:
            async for item in items:
                await self._send({"type": "part", "ref": ref} | to_wire(item))

    async def _chat(self, frame: Message) -> None:
        request = AskRequest(question=frame.content, conversation_id=frame.conversation_id, mode=frame.mode)
        answer_id = await self._assistant.start(self._caller, request)
        async with self._db.read() as conn:
            message = await conversations.get_message(conn, answer_id)
        conversation_id = message.conversation_id if message else ""
        seen: list[StreamItem] = []
        async with aclosing(self._assistant.follow(self._caller, answer_id)) as items:
            async for item in items:
                seen.append(item)
                if isinstance(item.part, Text):
                    await self._send(chat.token(conversation_id, item.part.text))
        await self._send(chat.response_end(collect(seen)))

    async def _fail(self, error: PetraError, ref: str | None = None) -> None:
        message = {"type": "error", "error": to_wire(error_to_wire(error))}
        if ref is not None:
            message["ref"] = ref
        try:
            await self._send(message)
        except (ConnectionError, TimeoutError):
            self._drop()

    async def _send(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_DEADLINE):
            await self._socket.send_str(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def _drop(self) -> None:
        """Close without a farewell, which would wait behind what the client does not read."""
        if self._transport:
            self._transport.abort()


def _read(data: str) -> tuple[str, Any]:
    """The type of a frame and its message. Raises BadRequest."""
    value = body.parse(data)
    kind = value.pop("type", None) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in FRAMES:
        raise BadRequest("The frame has no known type", remedy=f"Send one of {', '.join(FRAMES)}")
    return kind, from_wire(FRAMES[kind][0], value)


ROUTES: tuple[Route, ...] = (route("GET", "/ws", "ask", connect, door="ws", head=False),)
