"""Row 20: bad UTF-8 → the same as bad JSON."""

from __future__ import annotations

from tests.lsp.door import open_door


async def test_bad_utf8() -> None:
    async with open_door() as door:
        client = await door.client()
        for body in (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', '{"jsonrpc":"2.0"}'.encode("utf-16")):
            client.send_body(body)
            reply = await client.receive()
            assert reply and reply["id"] is None
            assert reply["error"]["code"] == -32700
        client.ask(1, "the same connection goes on")
        assert "result" in await client.reply(1)
