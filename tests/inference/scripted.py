"""An engine that does what a test wants, and the worker's application over it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from petra.inference.worker.app import build
from petra.inference.worker.engine import Ended, Event, Generation, Piece, Stopped

WORDS = (Piece("Once"), Piece(" upon 🦊"), Stopped("stop"), Ended(12, 2, 10, 0.5, 1.0, 2.0))
Script = Sequence[Event | Exception | asyncio.Event]


class Scripted:
    """A ChatEngine: each answer yields the events of the script, waits where it has an asyncio.Event, and
    raises its errors. `requests` are those it got, `left` counts the answers that are over."""

    def __init__(self, script: Script = WORDS, *, name: str = "scripted") -> None:
        self.name = name
        self.context = 2048
        self.infill = True
        self.adapters: tuple[str, ...] = ()
        self.script = script
        self.requests: list[Generation] = []
        self.running = 0
        self.left = asyncio.Semaphore(0)
        self.closed = False

    def health(self) -> dict[str, Any]:
        return {
            "context": self.context,
            "busy": self.running > 0,
            "queued": 0,
            "served": len(self.requests) - self.running,
            "progress_age_s": 1.5,
            "degraded": None,
        }

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[ord(letter) for letter in text] for text in texts]

    async def generate(self, request: Generation) -> AsyncGenerator[Event]:
        self.requests.append(request)
        self.running += 1
        try:
            for step in self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.running -= 1
            self.left.release()

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def served(engine: Any, **options: Any) -> AsyncIterator[str]:
    """The address of a worker's application over a chat engine or a registry."""
    async with application(lambda: build(chat=engine, **options)) as address:
        yield address


@asynccontextmanager
async def application(make: Callable[[], web.Application]) -> AsyncIterator[str]:
    """An application on a unix socket, as a worker process has it."""
    runner = web.AppRunner(make(), handler_cancellation=True, shutdown_timeout=0.1)
    # A test's own folder may have a longer name than a socket can have.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.sock"
        await runner.setup()
        await web.UnixSite(runner, str(path)).start()
        try:
            yield f"unix:{path}"
        finally:
            await runner.cleanup()
