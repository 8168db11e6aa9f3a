"""An LSP client that is cheap enough to be sixty of: frames in, frames out, one reply at a time."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

from petra.lsp.framing import FrameDecoder, frame

URI = "file:///bench/a.py"


class Client:
    """One editor with one document open. `last` is the id of its newest request; `told` gets what comes
    before a reply."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = FrameDecoder()
        self._ids = itertools.count()
        self.last = -1
        self.told: Callable[[dict[str, Any]], None] = lambda _: None
        self._version = 1

    async def call(self, method: str, params: Any = None) -> Any:
        """Send a request and wait for its reply, past all that comes before it."""
        number = self.last = next(self._ids)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while True:
            while (body := self._decoder.next_body()) is None:
                data = await self._reader.read(65536)
                if not data:
                    raise ConnectionResetError("the server has closed the connection")
                self._decoder.feed(data)
            message = json.loads(body)
            if message.get("id") == number and "method" not in message:
                return message
            self.told(message)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def open(self, text: str) -> None:
        """Initialize the session and open the document."""
        options = {"petra": {"token": "benchmark"}}
        await self.call("initialize", {"capabilities": {}, "initializationOptions": options})
        self.notify("initialized", {})
        item = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def type(self, line: int, column: int, text: str) -> None:
        """One keystroke."""
        self._version += 1
        place = {"line": line, "character": column}
        change = {"range": {"start": place, "end": place}, "text": text}
        document = {"uri": URI, "version": self._version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def close(self) -> None:
        """Leave."""
        self._writer.close()

    def _send(self, message: Any) -> None:
        self._writer.write(frame(json.dumps(message).encode()))
