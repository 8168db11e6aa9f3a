"""What an inline completion takes besides the model: a server with a repository in its index, and a model
that waits 50 ms, says one line, and looks at the clock itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import processes
from aiohttp import web
from client import URI, Client

from petra import rendezvous

MODEL_SECONDS = 0.05
ANSWER = "other(argument)"
FIRST = 5
"""Requests that are not counted: child and caches are cold."""
LINES = 300
TEXT = "def function(argument):\n    return argument.value + other(argument)\n\n\n"


class Model:
    """Fills in the middle. `took` is the time of its last answer, from the request to the end of it."""

    def __init__(self) -> None:
        self.took = 0.0

    def app(self) -> web.Application:
        """What a server needs of a model for completions."""
        app = web.Application()
        app.router.add_get("/health", self._health)
        app.router.add_post("/infill", self._infill)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"context": 8192, "infill": True, "rerank": False})

    async def _infill(self, request: web.Request) -> web.StreamResponse:
        began = time.perf_counter()
        if not (await request.json()).get("stream"):
            return web.json_response({}, status=400)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(MODEL_SECONDS)
        for data in ({"content": ANSWER, "stop": False}, {"content": "", "stop": True}):
            await response.write(f"data: {json.dumps(data)}\n\n".encode())
        self.took = time.perf_counter() - began
        return response


async def added(folder: Path, model: Model, count: int) -> list[float]:
    """Milliseconds of `count` requests, each at another place, without what the model took."""
    running = rendezvous.read(folder)
    assert running
    root = Path(__file__).parents[2] / "server" / "petra" / "lsp"
    command = [sys.executable, "-m", "petra", "index", str(root), "--data-dir", str(folder)]
    index = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    await index.wait()
    reader, writer = await asyncio.open_unix_connection(running.lsp)
    writer.write(f"PETRA/1 {running.version} {running.token}\n".encode())
    await reader.readline()
    client = Client(reader, writer)
    await client.open(TEXT * LINES)
    times: list[float] = []
    for number in range(count + FIRST):
        line = 4 * (number * 7 % LINES) + 2
        typed = f"    value_{number} = "
        client.type(line, 0, typed)
        began = time.perf_counter()
        reply = await client.call("textDocument/inlineCompletion", _asked(line, len(typed)))
        elapsed = time.perf_counter() - began
        assert reply["result"][0]["insertText"] == ANSWER, reply
        times.append(1000 * (elapsed - model.took))
        await asyncio.sleep(0.05)
    client.close()
    return times[FIRST:]


def _asked(line: int, column: int) -> dict[str, Any]:
    place = {"textDocument": {"uri": URI}, "position": {"line": line, "character": column}}
    return place | {"context": {"triggerKind": 1}}


def measure(folder: Path, count: int) -> list[float]:
    """The same, with a server and a model of its own."""

    async def run() -> list[float]:
        model = Model()
        runner = web.AppRunner(model.app())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        serving = processes.serve(folder, MODEL_PATH=address)
        # Not in this loop, in which the model has to answer meanwhile.
        await asyncio.to_thread(serving.__enter__)
        try:
            return await added(folder, model, count)
        finally:
            await asyncio.to_thread(serving.__exit__, None, None, None)
            await runner.cleanup()

    return asyncio.run(run())
