"""Who waits behind others reads the place in the queue."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from petra.access import Identity
from petra.messages import AskRequest, Status
from tests.api.rig import rig

ASKED = AskRequest(question="What does paging divide?")


async def test_the_place_is_said_in_words() -> None:
    async with rig(token_delay=0.5) as petra, AsyncExitStack() as stack:
        words = " ".join(f"frame{number}" for number in range(60))
        await petra.upload("paging.md", f"Paging divides memory into {words}.".encode())
        assistant, person = petra.petra.assistant, Identity(petra.petra.owner_id, "owner", local=True)

        async def until(stage: str) -> Status:
            answer = await assistant.start(person, ASKED)
            stack.push_async_callback(assistant.cancel, person, answer)
            async with asyncio.timeout(30):
                async for item in assistant.follow(person, answer):
                    if isinstance(item.part, Status) and item.part.stage == stage:
                        return item.part
            raise AssertionError(f"never {stage}")

        await until("writing")
        assert await until("queued") == Status("queued", "Waiting for the model: you are next", 0)
        assert await until("queued") == Status("queued", "Waiting for the model: 1 before you", 1)
