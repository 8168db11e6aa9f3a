"""How soon the model is free when an editor cancels its question: a real server and the real chat model."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import processes
import psutil
from client import Client

from petra import rendezvous
from petra.inference.client import ModelEndpoint

QUESTION = "{}: explain how the language server handles a notification, and what may go wrong."
CANCELLED = -32800


def measure(folder: Path, count: int) -> list[float]:
    """Milliseconds from sending `$/cancelRequest` until the chat worker computes nothing any more, for
    `count` questions with long prompts, each cancelled at another moment of reading or writing."""
    with processes.serve(folder) as started:
        return asyncio.run(_cancels(folder, _chat_address(started.process.pid), count))


async def _cancels(folder: Path, address: str, count: int) -> list[float]:
    running = rendezvous.read(folder)
    assert running
    root = Path(__file__).parents[2] / "server" / "petra" / "lsp"
    command = [sys.executable, "-m", "petra", "index", str(root), "--data-dir", str(folder)]
    await (await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)).wait()
    reader, writer = await asyncio.open_unix_connection(running.lsp)
    writer.write(f"PETRA/1 {running.version} {running.token}\n".encode())
    await reader.readline()
    client = Client(reader, writer)
    await client.open("")
    moments = random.Random(1)  # noqa: S311
    times: list[float] = []
    model = ModelEndpoint(address)
    try:
        for number in range(4 * count):
            asked = asyncio.create_task(client.call("petra/ask", {"question": QUESTION.format(number)}))
            await _until(model, busy=True, or_done=asked)
            await asyncio.sleep(moments.random() / 2)
            began = time.perf_counter()
            client.notify("$/cancelRequest", {"id": client.last})
            await _until(model, busy=False)
            elapsed = 1000 * (time.perf_counter() - began)
            # Any other reply: the answer had ended before.
            if (await asked).get("error", {}).get("code") == CANCELLED:
                times.append(elapsed)
            if len(times) == count:
                break
    finally:
        await model.close()
        client.close()
    return times


async def _until(model: ModelEndpoint, *, busy: bool, or_done: asyncio.Task[Any] | None = None) -> None:
    while (await model.health())["busy"] is not busy:
        if or_done and or_done.done():
            return
        await asyncio.sleep(0.002)


def _chat_address(server: int) -> str:
    """Where the server's chat worker listens."""
    for child in psutil.Process(server).children(recursive=True):
        line = child.cmdline()
        if "chat" in line and "--listen" in line:
            return line[line.index("--listen") + 1]
    raise SystemExit("the server has no chat worker")
