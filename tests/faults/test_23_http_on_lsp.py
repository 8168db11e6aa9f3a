"""Row 23: an HTTP verb on the LSP port → closed, nothing dispatched."""

from __future__ import annotations

import json

import pytest

from petra import __version__
from tests.lsp.door import TOKEN, open_door
from tests.lsp.test_tcp import listening

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


@pytest.mark.parametrize("verb", ["GET", "POST", "CONNECT", "OPTIONS"])
async def test_http_on_the_port_that_others_can_reach(verb: str) -> None:
    """The body of the request is a whole session that would be let in."""
    options = {"petra": {"token": TOKEN}}
    initialize = {"capabilities": {}, "initializationOptions": options}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize})
    frames = "".join(f"Content-Length: {len(part)}\r\n\r\n{part}" for part in (body, MESSAGE))
    async with listening() as port:
        client = await port.knock()
        client.writer.write(f"{verb} / HTTP/1.1\r\nHost: x\r\n\r\n{frames}".encode())
        assert await client.receive() is None
        assert port.sessions == []
        assert port.asks.started == []
