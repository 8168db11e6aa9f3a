"""Row 32: a client killed → its session is freed, the others notice nothing."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from petra import rendezvous
from tests.lsp.door import open_door
from tests.lsp.editor import petra_lsp, running_at


async def test_killed_client(tmp_path: Path) -> None:
    async with open_door() as door:
        other = await door.client()
        lock = rendezvous.Lock(tmp_path)
        await asyncio.to_thread(lock.__enter__)
        await asyncio.to_thread(rendezvous.write_run_file, tmp_path, running_at(door.address))
        try:
            async with petra_lsp(tmp_path) as (killed, process):
                await killed.initialize()
                killed.ask(1, "wait")
                while not door.asks.started:
                    await asyncio.sleep(0.01)
                other.ask(1, "wait")
                process.kill()
                async with asyncio.timeout(5):
                    while door.presence.open > 1:
                        await asyncio.sleep(0.01)
        finally:
            await asyncio.to_thread(lock.__exit__, None, None, None)
        assert door.asks.cancelled == ["answer-0"]
        gc.collect()
        assert door.made[1]() is None
        other.notify("$/cancelRequest", {"id": 1})
        assert (await other.reply(1))["error"]["code"] == -32800
