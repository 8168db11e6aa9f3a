"""HTTP clients that ask a server and note when each token came.

They share the machine with what they measure, so while an answer runs a client only keeps the bytes and
their time; all parsing comes after. A connection carries one request.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.prompts import Message
from benchmarks.engine.servers import Server

CHAT = "/v1/chat/completions"
PLAIN = "/v1/completions"
NEW_TOKENS = 64


@dataclass(frozen=True)
class Answer:
    """One answer as its reader had it. Times are seconds of `time.perf_counter`; `arrivals` has the text
    of each event and when it came; `usage` is the server's own count, empty when the answer was cut;
    `after_end`: something followed the line that says that the stream is over."""

    asked: float
    status: int
    arrivals: tuple[tuple[float, str], ...]
    usage: dict[str, Any]
    error: dict[str, Any] | None
    finished: bool
    body: bytes
    after_end: bool

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.arrivals)

    @property
    def tokens(self) -> int:
        """As the server counts them; for a cut answer the events that brought text."""
        return int(self.usage.get("completion_tokens", len(self.arrivals)))

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.arrivals[0][0] - self.asked

    @property
    def total(self) -> float:
        """Seconds to the last token."""
        return self.arrivals[-1][0] - self.asked

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first one."""
        return (self.tokens - 1) / (self.arrivals[-1][0] - self.arrivals[0][0])

    def gaps(self, begin: float = 0.0, end: float = float("inf")) -> list[float]:
        """Seconds between tokens, of those gaps that touch the time from `begin` to `end`."""
        times = [at for at, _ in self.arrivals]
        return [b - a for a, b in itertools.pairwise(times) if b >= begin and a <= end]


class Asking(asyncio.Protocol):
    """A request under way."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._received: list[tuple[float, bytes]] = []
        self._seen_text = False
        self._asked = 0.0
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._asked = time.perf_counter()
        transport.write(self._head)

    def data_received(self, data: bytes) -> None:
        self._received.append((time.perf_counter(), data))
        if not self._first.done() and _events(self._received).arrivals:
            self._first.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        for waiting in (self._first, self._ended):
            if not waiting.done():
                waiting.set_result(None)

    async def first_token(self) -> None:
        """Returns with the first token, or when the connection ended without one."""
        await self._first

    async def end(self) -> Answer:
        """The whole answer. Cancelling this closes the connection."""
        try:
            await self._ended
        finally:
            self.close()
        return self.so_far()

    def so_far(self) -> Answer:
        """What has come until now."""
        found = _events(self._received)
        return Answer(
            asked=self._asked,
            status=found.status,
            arrivals=tuple(found.arrivals),
            usage=found.usage,
            error=found.error,
            finished=found.done,
            body=found.body,
            after_end=found.after_end,
        )

    def close(self) -> None:
        """Leave, whether or not the answer is whole. What is under way at the server is cancelled by it."""
        if self._transport:
            self._transport.abort()

    def stall(self) -> None:
        """Stop reading."""
        if self._transport and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()


async def start(server: Server, body: dict[str, Any], path: str = CHAT) -> Asking:
    """Send a request."""
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in server.headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}", "", ""]
    return await _connect(server, "\r\n".join(lines).encode() + content)


async def post(server: Server, body: dict[str, Any], path: str = CHAT) -> tuple[int, Any]:
    """Status and JSON of an answer that is not streamed."""
    answer = await (await start(server, body, path)).end()
    return answer.status, json.loads(answer.body or b"null")


async def get(server: Server, path: str) -> Any:
    """The JSON of a GET."""
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in server.headers.items()]
    asking = await _connect(server, "\r\n".join([*lines, "", ""]).encode())
    return json.loads((await asking.end()).body)


async def _connect(server: Server, head: bytes) -> Asking:
    loop = asyncio.get_running_loop()
    _, asking = await loop.create_connection(lambda: Asking(head), "127.0.0.1", server.port)
    return asking


def chat_body(messages: Sequence[Message], person: str, max_tokens: int = NEW_TOKENS) -> dict[str, Any]:
    """A greedy answer of exactly `max_tokens`, streamed. The last two fields are ours; the peer ignores
    `user` and does not know `public_messages`."""
    return {
        "messages": list(messages),
        "max_tokens": max_tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "user": person,
        "public_messages": 1 if messages[0]["role"] == "system" else 0,
    }


async def ask(
    server: Server, messages: Sequence[Message], person: str, max_tokens: int = NEW_TOKENS
) -> Answer:
    """One answer, read to its end. Raises SystemExit when it is none: a benchmark of errors is worthless."""
    answer = await (await start(server, chat_body(messages, person, max_tokens))).end()
    return checked(server, answer)


def checked(server: Server, answer: Answer) -> Answer:
    """The answer, if it is a whole one."""
    if answer.status != 200 or answer.error or not answer.finished or not answer.arrivals:
        said = answer.error or answer.body[:500]
        raise SystemExit(f"{server.name} gave no whole answer: status {answer.status}, {said!r}")
    return answer


@dataclass
class _Found:
    """What the bytes of a response say."""

    status: int
    arrivals: list[tuple[float, str]]
    usage: dict[str, Any]
    error: dict[str, Any] | None
    done: bool
    body: bytes
    after_end: bool = False


def _events(received: Sequence[tuple[float, bytes]]) -> _Found:
    raw = b"".join(data for _, data in received)
    ends = list(itertools.accumulate(len(data) for _, data in received))
    found = _Found(0, [], {}, None, False, b"")
    head, separator, _ = raw.partition(b"\r\n\r\n")
    if not separator:
        return found
    found.status = int(head.split(b" ", 2)[1])
    chunked = b"transfer-encoding: chunked" in head.lower()
    found.body, places = _body(raw, len(head) + 4, chunked)
    position = 0
    while (end := found.body.find(b"\n\n", position)) >= 0:
        at = received[bisect_left(ends, _raw_end(places, end + 2))][0]
        _event(found, at, found.body[position:end])
        position = end + 2
    if found.status != 200 and found.error is None:
        try:
            found.error = json.loads(found.body)["error"]
        except (ValueError, KeyError, TypeError):
            found.error = None
    return found


def _body(raw: bytes, start: int, chunked: bool) -> tuple[bytes, list[tuple[int, int]]]:
    """The body so far, and for each of its pieces where it ends: in the body, and in the raw bytes."""
    if not chunked:
        return raw[start:], [(len(raw) - start, len(raw))]
    pieces: list[bytes] = []
    places: list[tuple[int, int]] = []
    length = 0
    while (line := raw.find(b"\r\n", start)) >= 0:
        size = int(raw[start:line].split(b";")[0] or b"0", 16)
        if size == 0:
            break
        piece = raw[line + 2 : line + 2 + size]
        pieces.append(piece)
        length += len(piece)
        places.append((length, line + 2 + len(piece)))
        start = line + 2 + size + 2
    return b"".join(pieces), places


def _raw_end(places: Sequence[tuple[int, int]], end: int) -> int:
    """Where in the raw bytes the body's first `end` bytes end."""
    body_end, raw_end = places[bisect_left(places, (end, 0))]
    return raw_end - (body_end - end)


def _event(found: _Found, at: float, event: bytes) -> None:
    """Read one server-sent event. `event: queue` and the like bring no text."""
    lines = event.split(b"\n")
    data = b"".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    found.after_end |= found.done
    if data == b"[DONE]":
        found.done = True
        return
    if not data or any(line.startswith(b"event:") for line in lines):
        return
    part = json.loads(data)
    if "error" in part:
        found.error = part["error"]
        return
    found.usage = part.get("usage") or found.usage
    for choice in part.get("choices", ()):
        text = (choice.get("delta") or {}).get("content") or choice.get("text")
        if text:
            found.arrivals.append((at, text))
