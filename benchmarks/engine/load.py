"""HTTP clients that ask a server and note when each token came.

They share the machine with what they measure, so while an answer runs a client only keeps the bytes and
their time; all parsing comes after. A connection carries one request.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.engine.prompts import Message
from benchmarks.engine.responses import Answer, read
from benchmarks.engine.servers import Server

CHAT = "/v1/chat/completions"
PLAIN = "/v1/completions"
NEW_TOKENS = 64


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
        if not self._first.done() and read(self._received).arrivals:
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
        found = read(self._received)
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
