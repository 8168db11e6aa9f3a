"""Real worker processes for tests, and what to say to them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from petra import settings, telemetry
from petra.inference import catalogue, installed
from petra.inference.child import environment
from petra.inference.client import ChatMessage, ModelEndpoint
from petra.inference.pull import pull_entry
from petra.inference.replies import Delta, Finished
from petra.inference.restarts import Patience
from petra.inference.supervisor import Supervisor, Timing, WorkerSpec

CHAT = "SmolLM2-135M-Instruct"
EMBED = "all-MiniLM-L6-v2"
GEMMA = "gemma-3-270m"
SYSTEM = ChatMessage("system", "You answer questions.")
# Every token of "The capital of France is Paris." leads by a factor of 3 or more, so that no order of sums
# changes it; after "What is the capital of France?" "La" is as likely as "The".
PARIS = [
    ChatMessage("system", "You answer in one English sentence."),
    ChatMessage("user", "The capital of France is"),
]
STORY = [SYSTEM, ChatMessage("user", "Tell me a very long story about a fox and a crow.")]

QUICK = Timing(
    heartbeat=0.2,
    hung_after=3.0,
    look_again=0.2,
    idle_stop=0.8,
    patience=Patience(first_delay_s=0.1, open_s=60),
)


def models() -> Path:
    """The models folder with the two default models in it, fetched if need be."""
    return fetched(*(entry.name for entry in catalogue.defaults()))


def chat_file(name: str = CHAT) -> Path:
    """The GGUF file of a model of the catalogue, fetched if need be."""
    return installed.resolve(fetched(name), name).path


def fetched(*names: str) -> Path:
    """The models folder with these models of the catalogue in it, fetched if need be."""
    folder = settings.load().models
    for name in names:
        if not installed.is_installed(folder, name):
            pull_entry(catalogue.find(name), folder, lambda done, total: None, lambda: False)
    return folder


@contextlib.contextmanager
def worker(folder: Path, kind: str, *arguments: str, listen: str | None = None) -> Iterator[str]:
    """A worker process of `kind`; yields its address once it answers."""
    address = listen or f"unix:{folder / f'{kind}.sock'}"
    command = [sys.executable, "-P", "-m", "petra.inference.worker", kind, "--listen", address]
    log = folder / f"{kind}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *arguments, "--supervised"],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=environment({"PATH": "/usr/bin:/bin"}),
        )
    try:
        deadline = time.monotonic() + 90
        while "listens on" not in log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.kill()
        process.wait()
        assert process.stdin
        process.stdin.close()


@contextlib.asynccontextmanager
async def supervised(
    folder: Path, *specs: WorkerSpec, models_dir: Path | None = None, timing: Timing = QUICK
) -> AsyncIterator[Supervisor]:
    """A started supervisor with quick times."""
    supervisor = Supervisor(
        specs,
        runtime_dir=folder,
        models_dir=models_dir or models(),
        log=telemetry.logger("test"),
        timing=timing,
    )
    await supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def said(
    endpoint: ModelEndpoint, messages: Sequence[ChatMessage], **options: object
) -> tuple[str, Finished]:
    """A whole answer: its text and its end."""
    options.setdefault("max_tokens", 24)
    text = ""
    async with aclosing(endpoint.chat(messages, **options)) as events:  # type: ignore[arg-type]
        async for event in events:
            if isinstance(event, Delta):
                text += event.text
            elif isinstance(event, Finished):
                return text, event
    raise AssertionError("no end")
