"""Row 19: bad JSON → −32700 with id null."""

from __future__ import annotations

import pytest

from tests.lsp.door import open_door


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"a":NaN}', b'{"a":' + b"9" * 5000 + b"}", b"[" * 200_000, b'{"jsonrpc":"2.0","id":1,}'],
    ids=["empty", "cut", "NaN", "huge number", "deep", "comma"],
)
async def test_bad_json(body: bytes) -> None:
    async with open_door() as door:
        client = await door.client()
        client.send_body(body)
        reply = await client.receive()
        assert reply and reply["id"] is None
        assert reply["error"]["code"] == -32700
        client.ask(1, "the same connection goes on")
        assert "result" in await client.reply(1)
