"""A worker on a network address: a token, and only its own Host."""

import contextlib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
from aiohttp import web

from petra.inference.worker.main import _site
from tests.inference.workers import worker

TOKEN = "0123456789abcdef-token"


async def status(address: str, **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/health", headers=headers) as response,
    ):
        return response.status


async def test_token_and_host(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with worker(tmp_path, "stub", "--token-file", str(file), listen=address):
        assert await status(address, Authorization=f"Bearer {TOKEN}") == 200
        assert await status(address) == 401
        assert await status(address, Authorization="Bearer wrong") == 401
        assert await status(address, Authorization=f"Bearer {TOKEN}", Host="evil.example") == 403


def test_a_network_address_without_a_token_is_refused() -> None:
    command = [sys.executable, "-m", "petra.inference.worker", "stub", "--listen", "127.0.0.1:1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 3 and "needs a token" in ended.stderr


async def test_five_hundred_may_come_at_once() -> None:
    """On a unix socket a connection that finds no place to wait is refused at once."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_sockets:
        await _site(runner, f"unix:{folder}/x.sock").start()
        for _ in range(500):
            client = open_sockets.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect(f"{folder}/x.sock")
        await runner.cleanup()
