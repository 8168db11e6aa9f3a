"""The LSP door with somebody behind it who answers without a model, and a client that speaks raw frames.

Transports are tested with these; `test_end_to_end.py` has the real model.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from petra import __version__
from petra.access import Identity, Presence
from petra.assistant.retrieval import OpenDocument
from petra.errors import NotFound
from petra.lsp.features import Parts
from petra.lsp.framing import FrameDecoder, frame
from petra.lsp.listener import Listener, serve
from petra.lsp.session import Session
from petra.lsp.transport import Limits
from petra.messages import (
    AskRequest,
    Done,
    Source,
    SourcePart,
    Status,
    StreamItem,
    Text,
    Usage,
    UsagePart,
)

TOKEN = "test-token-of-this-install-0123456789"
OWNER = Identity("owner", "owner", local=True)
SOURCE = Source(n=1, kind="retrieved", document_id="d1", document="a.md", quote="…", score=0.5, lines=(1, 2))


class Parrot:
    """Answers with the words of the question. `wait` answers until it is cancelled, `flood` writes
    without end, `missing` and `crash` fail."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.cancelled: list[str] = []
        self.questions: dict[str, AskRequest] = {}

    async def start(
        self, identity: Identity, request: AskRequest, open_documents: Sequence[OpenDocument] = ()
    ) -> str:
        if request.question == "missing":
            raise NotFound("There is no collection 'x'", cause="None was made", remedy="Make one")
        if request.question.startswith("crash"):
            raise RuntimeError(request.question)
        answer_id = f"answer-{len(self.started)}"
        self.started.append(answer_id)
        self.questions[answer_id] = request
        return answer_id

    async def follow(
        self, identity: Identity, answer_id: str, after_seq: int = -1
    ) -> AsyncGenerator[StreamItem, None]:
        request = self.questions[answer_id]
        parts: list[Any] = [Status("retrieving"), SourcePart(SOURCE)]
        parts += [Text(f"{word} ") for word in request.question.split()]
        parts += [UsagePart(Usage(model="parrot", prompt_tokens=1, completion_tokens=1, total_ms=1.0))]
        parts += [Done(conversation_id="c1", message_id=answer_id, finish_reason="stop")]
        for seq, part in enumerate(parts):
            if request.question == "wait" and isinstance(part, UsagePart):
                await asyncio.Event().wait()
            while request.question == "flood" and isinstance(part, UsagePart):
                yield StreamItem(answer_id, seq, Text("x" * 60_000))
            yield StreamItem(answer_id, seq, part)
            await asyncio.sleep(0)

    async def cancel(self, identity: Identity, answer_id: str) -> None:
        self.cancelled.append(answer_id)


class NoLibrary:
    """Nobody has anything."""

    async def collections(self, caller: Identity) -> list[Any]:
        return []

    async def withheld(self, caller: Identity, path: str) -> None:
        return None

    async def paths(self, caller: Identity, document_ids: Any) -> dict[str, Path]:
        return {}


NO_SERVICES: Any = SimpleNamespace(
    library=NoLibrary(),
    definitions=None,
    recall=None,
    offered=None,
    work=None,
    health=SimpleNamespace(listen=lambda _: None),
    completing=None,
)
"""For doors behind which only questions are asked."""


def parts(asks: Parrot | None = None) -> Parts:
    """What a session is made of, with a parrot behind it."""
    return Parts(asks or Parrot(), NO_SERVICES)


class Client:
    """A raw client: what it sends need not be LSP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = FrameDecoder()
        self.kept: dict[Any, dict[str, Any]] = {}

    def send(self, message: Any) -> None:
        self.send_body(json.dumps(message).encode())

    def send_body(self, body: bytes) -> None:
        self.writer.write(frame(body))

    def request(self, msg_id: Any, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params})

    def notify(self, method: str, params: Any = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, msg_id: Any, question: str, **params: Any) -> None:
        self.request(msg_id, "petra/ask", {"question": question, **params})

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None when the server has closed the connection."""
        async with asyncio.timeout(30):
            while (body := self._decoder.next_body()) is None:
                try:
                    data = await self.reader.read(65536)
                except ConnectionResetError:
                    return None
                if not data:
                    return None
                self._decoder.feed(data)
        message: dict[str, Any] = json.loads(body)
        return message

    async def reply(self, msg_id: Any) -> dict[str, Any]:
        """The reply to `msg_id`; replies to others that come before it are kept, notifications not."""
        while msg_id not in self.kept:
            message = await self.receive()
            assert message is not None, f"no reply to {msg_id}"
            if "method" not in message:
                self.kept[message["id"]] = message
        return self.kept.pop(msg_id)

    async def until_reply(self, msg_id: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Everything before the reply to `msg_id`, and that reply."""
        before: list[dict[str, Any]] = []
        while (message := await self.receive()) is not None:
            if "method" not in message and message["id"] == msg_id:
                return before, message
            before.append(message)
        raise AssertionError(f"no reply to {msg_id}")

    async def initialize(self) -> dict[str, Any]:
        self.request("init", "initialize", {"capabilities": {}, "processId": None, "rootUri": None})
        reply = await self.reply("init")
        self.notify("initialized", {})
        result: dict[str, Any] = reply["result"]
        return result

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@dataclass
class Door:
    """A listening door. `made` are the sessions of all clients so far."""

    address: str
    asks: Parrot
    presence: Presence
    listener: Listener | None = None
    made: list[weakref.ref[Session]] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    def new_session(self) -> Session:
        session = Session(parts(self.asks), OWNER, __version__)
        self.made.append(weakref.ref(session))
        return session

    async def knock(self, preamble: str = f"PETRA/1 {__version__} {TOKEN}\n") -> Client:
        """Connect and send the first line; the reply is not read."""
        reader, writer = await asyncio.open_unix_connection(self.address)
        writer.write(preamble.encode())
        self.clients.append(Client(reader, writer))
        return self.clients[-1]

    async def enter(self) -> Client:
        """A client that was welcomed."""
        client = await self.knock()
        assert await client.reader.readline() == f"OK {__version__}\n".encode()
        return client

    async def client(self) -> Client:
        """A client that is initialized."""
        client = await self.enter()
        await client.initialize()
        return client

    async def still_serves(self) -> None:
        """The proof that whatever happened before harmed nobody else."""
        client = await self.client()
        client.ask(1, "still here")
        assert (await client.reply(1))["result"]["answer"] == "still here "
        await client.close()

    async def empty(self) -> None:
        """Wait until every session has ended."""
        async with asyncio.timeout(30):
            while self.presence.open:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def open_door(limits: Limits | None = None) -> AsyncIterator[Door]:
    """A door on a socket of its own."""
    asks, presence = Parrot(), Presence()
    with tempfile.TemporaryDirectory(prefix="petra-") as folder:
        door = Door(str(Path(folder) / "lsp.sock"), asks, presence)
        door.listener = await serve(
            door.address,
            token=TOKEN,
            version=__version__,
            new_session=door.new_session,
            presence=presence,
            limits=limits,
        )
        try:
            yield door
        finally:
            for client in door.clients:
                await client.close()
            await door.listener.close()
