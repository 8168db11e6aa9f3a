"""Row 24: a batch, a scalar, null → −32600."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lsp.door import open_door

REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "petra/ask", "params": {"question": "x"}}


@pytest.mark.parametrize(
    "message",
    [
        [],
        [REQUEST, REQUEST],
        5,
        "text",
        None,
        {},
        {"jsonrpc": "2.0"},
        {"jsonrpc": "2.0", "id": 1},
        {**REQUEST, "id": None},
        {**REQUEST, "id": 1.5},
        {**REQUEST, "id": True},
        {**REQUEST, "id": [1]},
        {**REQUEST, "jsonrpc": "1.0"},
        {**REQUEST, "method": 5},
    ],
    ids=str,
)
async def test_not_a_request(message: Any) -> None:
    async with open_door() as door:
        client = await door.client()
        client.send(message)
        reply = await client.receive()
        assert reply
        assert reply["error"]["code"] == -32600
        assert door.asks.started == []
        client.ask(2, "the same connection goes on")
        assert "result" in await client.reply(2)
