"""How a client that has just connected shows who it is: by a first line on this machine's own socket, by the
token in its `initialize` on a port that others can reach."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from petra import telemetry
from petra.access import Identity
from petra.lsp.framing import MAX_BODY, FrameDecoder, FrameError
from petra.lsp.session import Session
from petra.lsp.transport import Channel, Limits, StreamChannel

log = telemetry.logger(__name__)

NOT_INITIALIZED, REQUEST_FAILED = -32002, -32803


@dataclass(frozen=True)
class Welcomed:
    """A client that is let in, and the messages that it has sent already."""

    channel: Channel
    session: Session
    first: tuple[bytes, ...] = ()


class Welcome(Protocol):
    """Decides who is let in."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Welcomed | None:
        """The client's session, or None for a stranger, whose connection is then closed."""


class ByFirstLine:
    """`PETRA/1 version token`, for `petra lsp` on this machine's own socket. A stranger gets no answer."""

    def __init__(self, token: str, version: str, new_session: Callable[[], Session], limits: Limits) -> None:
        self._token = token.encode()
        self._version = version
        self._new_session = new_session
        self._limits = limits

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Welcomed | None:
        """Read the line and answer it."""
        try:
            async with asyncio.timeout(self._limits.preamble):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError):
            return None
        words = line.split()
        if len(words) != 3 or words[0] != b"PETRA/1" or not hmac.compare_digest(words[2], self._token):
            log.warning("lsp_stranger_refused")
            return None
        if words[1] != self._version.encode():
            client = words[1].decode("ascii", "replace")
            writer.write(f"NO version_mismatch server {self._version}, client {client}\n".encode())
            return None
        writer.write(f"OK {self._version}\n".encode())
        return Welcomed(StreamChannel(reader, writer, self._limits.frame), self._new_session())


class ByToken:
    """`initializationOptions.petra.token`, for any editor over TCP. Before it nothing else is heard."""

    def __init__(
        self,
        check: Callable[[str], Identity | None],
        new_session: Callable[[Identity], Session],
        limits: Limits,
    ) -> None:
        self._check = check
        self._new_session = new_session
        self._limits = limits

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Welcomed | None:
        """Read one message, which has to be an `initialize` with a token."""
        decoder = FrameDecoder(self._limits.stranger)
        channel = StreamChannel(reader, writer, self._limits.frame, decoder)
        try:
            async with asyncio.timeout(self._limits.preamble):
                body = await channel.receive()
        except (FrameError, ConnectionError, TimeoutError):
            return None
        message = _object(body)
        if message is None:
            return None
        if message.get("method") != "initialize" or not isinstance(message.get("id"), int | str):
            _refuse(channel, message, NOT_INITIALIZED, "The first request has to be initialize")
            return None
        identity = self._check(_take_token(message))
        if identity is None:
            log.warning("lsp_stranger_refused")
            _refuse(channel, message, REQUEST_FAILED, _UNKNOWN)
            return None
        decoder.limit = MAX_BODY
        return Welcomed(channel, self._new_session(identity), (json.dumps(message).encode(),))


_UNKNOWN = (
    "This server does not know who is asking. The token in initializationOptions.petra.token is missing, or "
    "is not this server's. Ask the person who runs it for one."
)


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        message = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _take_token(message: dict[str, Any]) -> str:
    """The token, which is removed: nothing that reads the message later has a use for it."""
    try:
        token = message["params"]["initializationOptions"]["petra"].pop("token")
    except (KeyError, TypeError, AttributeError):
        return ""
    return token if isinstance(token, str) else ""


def _refuse(channel: Channel, message: dict[str, Any], code: int, text: str) -> None:
    """Answer a request before its connection is closed; a notification has no answer."""
    request = message.get("id")
    if "method" in message and isinstance(request, int | str):
        error = {"code": code, "message": text}
        channel.send(json.dumps({"jsonrpc": "2.0", "id": request, "error": error}).encode())
