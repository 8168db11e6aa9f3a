"""Row 26: a request before `initialize` → −32002."""

from __future__ import annotations

from tests.lsp.door import open_door


async def test_before_initialize() -> None:
    async with open_door() as door:
        client = await door.enter()
        client.notify("initialized", {})
        client.ask(1, "too early")
        reply = await client.receive()
        assert reply and reply["id"] == 1
        assert reply["error"]["code"] == -32002
        assert door.asks.started == []
        await client.initialize()
        client.ask(2, "in time")
        assert (await client.reply(2))["result"]["answer"] == "in time "
