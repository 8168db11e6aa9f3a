"""Row 25: bad params → −32602 with the id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lsp.door import open_door


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("petra/ask", None),
        ("petra/ask", []),
        ("petra/ask", "text"),
        ("petra/ask", {}),
        ("petra/ask", {"question": 5}),
        ("petra/ask", {"question": "x", "topK": "red"}),
        ("petra/ask", {"question": "a \ud800 surrogate"}),
        ("textDocument/hover", {"position": "here"}),
    ],
)
async def test_bad_params(method: str, params: Any) -> None:
    async with open_door() as door:
        client = await door.client()
        client.request("an id", method, params)
        reply = await client.receive()
        assert reply and reply["id"] == "an id"
        assert reply["error"]["code"] == -32602
        if isinstance(params, dict) and "colour" in params:
            assert "colour" in reply["error"]["data"]["cause"]
        client.ask(2, "the same connection goes on")
        assert "result" in await client.reply(2)
