"""Row 31: two clients, the same request id → never crossed."""

from __future__ import annotations

import asyncio

from tests.lsp.door import Client, open_door
from tests.lsp.test_tcp import initialize, listening


async def test_same_request_id() -> None:
    async with open_door() as door:
        clients = [await door.client() for _ in range(8)]
        for turn in range(5):
            for number, client in enumerate(clients):
                client.ask(turn, f"turn {turn} of client {number}", id="same")
            results = await asyncio.gather(*(client.until_reply(turn) for client in clients))
            for number, (parts, reply) in enumerate(results):
                expected = f"turn {turn} of client {number} "
                assert reply["result"]["answer"] == expected
                streamed = [part["params"]["part"].get("text", "") for part in parts]
                assert "".join(streamed) == expected


async def test_one_client_cannot_cancel_anothers_request() -> None:
    async with open_door() as door:
        one, two = await door.client(), await door.client()
        one.ask(1, "wait")
        while not door.asks.started:
            await asyncio.sleep(0.01)
        two.notify("$/cancelRequest", {"id": 1})
        two.ask(2, "done")
        await two.reply(2)
        assert door.asks.cancelled == []


async def test_same_request_id_over_tcp() -> None:
    async with listening() as port:
        clients: list[Client] = [await port.knock() for _ in range(8)]
        for client in clients:
            initialize(client)
            await client.reply(1)
        for number, client in enumerate(clients):
            client.ask(1, f"question of client {number}", id="same")
        for number, client in enumerate(clients):
            assert (await client.reply(1))["result"]["answer"] == f"question of client {number} "
