"""Row 30: 10,000 cancels → every request answered, once."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.lsp.door import open_door

COUNT = 10_000
BURST = 500


async def test_ten_thousand_cancels() -> None:
    async with open_door() as door:
        client = await door.client()
        answers: Counter[int] = Counter()
        codes: Counter[int] = Counter()
        for first in range(0, COUNT, BURST):
            for number in range(first, first + BURST):
                client.ask(number, "wait")
                client.notify("$/cancelRequest", {"id": number})
                client.notify("$/cancelRequest", {"id": number})
            while answers.total() < first + BURST:
                message = await client.receive()
                assert message
                if "method" not in message:
                    answers[message["id"]] += 1
                    codes[message["error"]["code"]] += 1
        assert answers == Counter(range(COUNT))
        assert codes == {-32800: COUNT}
        client.notify("$/cancelRequest", {"id": 5})  # of a request that is answered: nothing
        client.ask("last", "still here")
        assert (await client.reply("last"))["result"]["answer"] == "still here "
        session = door.made[0]()
        assert session
        await asyncio.sleep(0)
        assert not session.protocol._request_futures
        # What was started before its cancel came was also stopped.
        assert len(door.asks.cancelled) == len(door.asks.started) - 1
