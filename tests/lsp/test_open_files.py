"""What people have open in their editors is known to whoever decides what comes first."""

from __future__ import annotations

import asyncio

from tests.lsp.desk import desk


async def test_the_open_files_of_this_machine_as_long_as_they_are_open() -> None:
    async with desk() as at:
        known = at.rig.petra.open_files
        queue = at.folder / "queue.py"
        async with at.caller() as one, at.caller() as other, at.caller(local=False) as far:
            one.open(at.uri("queue.py"), "class RunQueue: ...", "python")
            one.open("untitled:Untitled-1", "scratch")
            other.open(at.uri("queue.py"), "class RunQueue: ...", "python")
            far.open(at.uri("locks.md"), "# Locks")
            for client in (one, other, far):
                await client.raw("petra/status", {})
            assert known.paths() == [queue, queue]
            one.notify("textDocument/didClose", {"textDocument": {"uri": at.uri("queue.py")}})
            await one.raw("petra/status", {})
            assert known.paths() == [queue]
        async with asyncio.timeout(10):
            while known.paths():
                await asyncio.sleep(0.01)
