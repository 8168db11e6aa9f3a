from __future__ import annotations

import asyncio
import gc
import os
import stat
from pathlib import Path

import pytest

from petra import __version__
from petra.lsp.listener import serve
from petra.lsp.transport import Limits
from tests.lsp.door import TOKEN, Door, open_door


async def test_only_the_owner_may_use_the_socket(door: Door) -> None:
    assert stat.S_IMODE((await asyncio.to_thread(os.stat, door.address)).st_mode) == 0o600


async def test_a_stranger_is_not_answered(door: Door) -> None:
    for preamble in (f"PETRA/1 {__version__} wrong\n", f"PETRA/1 {__version__}\n", "\n", "x" * 70_000):
        client = await door.knock(preamble)
        assert await client.receive() is None
    assert door.presence.open == 0


async def test_another_version_is_told_so(door: Door) -> None:
    client = await door.knock(f"PETRA/1 9.9.9 {TOKEN}\n")
    line = await client.reader.readline()
    assert line == f"NO version_mismatch server {__version__}, client 9.9.9\n".encode()
    assert await client.receive() is None


async def test_a_silent_stranger_is_sent_away() -> None:
    async with open_door(Limits(preamble=0.1)) as door:
        client = await door.knock("PETRA/1 ")
        assert await client.receive() is None


async def test_the_session_of_a_client_that_left_is_freed(door: Door) -> None:
    for _ in range(3):
        client = await door.client()
        client.ask(1, "hello")
        await client.reply(1)
        await client.close()
    await door.empty()
    gc.collect()
    assert [ref() for ref in door.made] == [None, None, None]


@pytest.mark.parametrize("limits", [Limits(unread=0.3), Limits(backlog=1000)])
async def test_a_client_that_never_reads_is_dropped_and_its_answer_stopped(limits: Limits) -> None:
    async with open_door(limits) as door:
        client = await door.client()
        client.ask(1, "flood")
        await door.empty()
        assert door.asks.cancelled == ["answer-0"]
        await door.still_serves()


async def test_a_client_that_only_sends_is_dropped() -> None:
    async with open_door(Limits(unread=0.3)) as door:
        client = await door.client()
        for number in range(20_000):
            client.request(number, "petra/none")
        await door.empty()


async def test_the_server_ends_all_sessions_when_it_closes() -> None:
    async with open_door() as door:
        client = await door.client()
        client.ask(1, "wait")
        while not door.asks.started:
            await asyncio.sleep(0.01)
        assert door.listener
        await door.listener.close()
        assert door.asks.cancelled == ["answer-0"]
        while await client.receive() is not None:
            pass
        assert not await asyncio.to_thread(Path(door.address).exists)


async def test_the_socket_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    async with open_door() as first:
        assert first.listener
        second = await serve(
            first.address,
            token=TOKEN,
            version=__version__,
            new_session=first.new_session,
            presence=first.presence,
        )
        await first.still_serves()
        await second.close()
