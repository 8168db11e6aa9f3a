"""`petra lsp` as a process, beside a server process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.editor import parrot_server, petra_lsp

HEAVY = (
    "pydantic",
    "attrs",
    "attr",
    "cattrs",
    "numpy",
    "torch",
    "aiohttp",
    "pygls",
    "lsprotocol",
    "asyncio",
    "structlog",
    "yaml",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a server process for the tests that do it no harm."""
    data_dir = tmp_path_factory.mktemp("server")
    with parrot_server(data_dir):
        yield data_dir


async def test_it_forwards_and_writes_nothing_but_frames(server: Path) -> None:
    async with petra_lsp(server) as (editor, process):
        await editor.initialize()
        editor.ask(1, "a private question")
        assert (await editor.reply(1))["result"]["answer"] == "a private question "
        editor.request(2, "shutdown")
        await editor.reply(2)
        editor.notify("exit")
        assert await editor.receive() is None
        assert await process.wait() == 0
        assert process.stderr and await process.stderr.read() == b""
    # The server logs all that there is to log, and not what was asked.
    log = await asyncio.to_thread((server / "parrot.log").read_text)
    assert "lsp_answered" in log
    assert "private" not in log


async def test_two_editors_share_one_server(server: Path) -> None:
    async with petra_lsp(server) as (one, _), petra_lsp(server) as (two, _):
        await asyncio.gather(one.initialize(), two.initialize())
        one.ask(1, "from one")
        two.ask(1, "from two")
        assert (await one.reply(1))["result"]["answer"] == "from one "
        assert (await two.reply(1))["result"]["answer"] == "from two "


async def test_it_imports_nothing_heavy(server: Path) -> None:
    async with petra_lsp(server, "-X", "importtime") as (editor, process):
        await editor.initialize()
        editor.ask(1, "hello")
        await editor.reply(1)
        editor.request(2, "shutdown")
        await editor.reply(2)
        editor.notify("exit")
        await process.wait()
        assert process.stderr
        lines = (await process.stderr.read()).decode().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert "petra.lsp.forwarder" in imported
    assert imported.isdisjoint(HEAVY)


async def test_a_killed_server_is_told(tmp_path: Path) -> None:
    with parrot_server(tmp_path) as server:
        async with petra_lsp(tmp_path) as (editor, _):
            await editor.initialize()
            editor.ask(1, "wait")
            await editor.receive()
            os.kill(server.pid, signal.SIGKILL)
            reply = await editor.reply(1)
            assert reply["error"]["message"].startswith("Petra's server has ended")
            shown = await editor.receive()
            assert shown and shown["params"]["message"] == reply["error"]["message"]


async def test_a_server_of_another_version_is_told(tmp_path: Path) -> None:
    with parrot_server(tmp_path, "0.0.1"):
        async with petra_lsp(tmp_path) as (editor, _):
            await editor.initialize()
            editor.ask(1, "hello")
            before, reply = await editor.until_reply(1)
    assert reply["error"]["data"]["code"] == "version_mismatch"
    assert "0.0.1" in before[0]["params"]["message"]
    assert "petra stop" in before[0]["params"]["message"]


async def test_a_failed_start_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "not-a-port")
    async with petra_lsp(tmp_path) as (editor, process):
        await editor.initialize()
        editor.ask(1, "hello")
        before, reply = await editor.until_reply(1)
        assert process.stderr
        logged = (await process.stderr.readline()).decode()
    assert reply["error"]["data"]["code"] == "not_started"
    assert "PORT" in before[0]["params"]["message"]
    assert logged == f"petra: {before[0]['params']['message']}\n"
