"""Row 23: an HTTP verb on the LSP port → closed, nothing dispatched."""

from __future__ import annotations

import json

import pytest

from petra import __version__
from tests.lsp.door import TOKEN, open_door

MESSAGE = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "petra/ask", "params": {"question": "from a web page"}}
)


@pytest.mark.parametrize("verb", ["GET", "POST", "CONNECT", "OPTIONS"])
@pytest.mark.parametrize("after_token", [False, True])
async def test_http(verb: str, after_token: bool) -> None:
    request = f"{verb} / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(MESSAGE)}\r\n\r\n{MESSAGE}"
    async with open_door() as door:
        preamble = f"PETRA/1 {__version__} {TOKEN}\n" if after_token else ""
        client = await door.knock(preamble + request)
        if after_token:
            await client.reader.readline()
        assert await client.receive() is None
        assert door.asks.started == []
        await door.still_serves()
