"""A worker on a network address: a token, and only its own Host."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import pytest
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
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(
            b"GET /health HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer \xff\r\n\r\n" % address.encode()
        )
        assert b" 401 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize(
    ("rest", "error"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nMy secret text\r\n0\r\n\r\n", "BadHttpMessage"),
        (b"X: " + b"My secret text" * 1000 + b"\r\n\r\n", "LineTooLong"),
    ],
    ids=["wrong length", "long header"],
)
async def test_what_is_no_http_is_refused_and_its_text_is_not_logged(
    tmp_path: Path, rest: bytes, error: str
) -> None:
    with worker(tmp_path, "stub") as address:
        reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
        writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n" + rest)
        assert b" 400 " in await reader.readline()
        writer.close()
    log = (tmp_path / "stub.log").read_text()
    assert error in log and "secret" not in log


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
