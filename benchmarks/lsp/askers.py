"""Eight editors that ask all the time, in a process of their own: what they compute is in no other figure.
`python askers.py SOCKET VERSION TOKEN`; every second it prints how many parts have come."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from client import Client

EDITORS = 8
TEXT = "def function(argument):  # a line as lines are\n" * 8
QUESTION = {"question": "Tell me a long story about the sea.", "selection": TEXT, "maxTokens": 400}
"""About what is marked: a question that the index has nothing for would be over before a model is asked."""


async def enter(address: str, version: str, token: str) -> Client:
    """An editor at a server that was started for a benchmark."""
    reader, writer = await asyncio.open_unix_connection(address)
    writer.write(f"PETRA/1 {version} {token}\n".encode())
    await reader.readline()
    return Client(reader, writer)


async def main(*server: str) -> None:
    """Ask until killed."""
    parts = 0

    def count(message: dict[str, Any]) -> None:
        nonlocal parts
        parts += message.get("method") == "petra/stream"

    async def ask() -> None:
        client = await enter(*server)
        client.told = count
        await client.open(TEXT)
        while True:
            reply = await client.call("petra/ask", QUESTION)
            assert reply["result"]["finish_reason"] in ("stop", "length"), reply

    asking = asyncio.gather(*(ask() for _ in range(EDITORS)))
    while not asking.done():
        print(parts, flush=True)
        await asyncio.wait([asking], timeout=1)
    await asking


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
