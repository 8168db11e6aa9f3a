"""An editor: `petra lsp` in a thread or as a process, and the frames that go in and out."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from petra import __version__, rendezvous
from petra.lsp.forwarder import Forwarder
from petra.lsp.link import Link
from petra.rendezvous import Running
from tests.lsp.door import TOKEN, Client

ROOT = Path(__file__).parents[2]


def running_at(address: str, *, version: str = __version__, token: str = TOKEN) -> Running:
    """What run.json would say of a door."""
    return Running(os.getpid(), "", address, 1, token, version, 0.0)


class InThread(Client):
    """An editor whose forwarder runs in a thread, so that a test decides what `connect` does."""

    status: int | None = None
    thread: threading.Thread

    async def ended(self) -> int | None:
        """The forwarder's exit status, once it has ended."""
        await asyncio.to_thread(self.thread.join, 10)
        return self.status


@asynccontextmanager
async def forwarder(connect: Callable[[], Link]) -> AsyncIterator[InThread]:
    """A forwarder between pipes."""
    loop = asyncio.get_running_loop()
    stdin, to_forwarder = os.pipe()
    from_forwarder, stdout = os.pipe()
    reader = asyncio.StreamReader()
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_forwarder, "rb", 0)
    )
    outgoing, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(to_forwarder, "wb", 0)
    )
    editor = InThread(reader, asyncio.StreamWriter(outgoing, protocol, None, loop))

    def run() -> None:
        editor.status = Forwarder(stdin, stdout, connect).run()

    editor.thread = threading.Thread(target=run, daemon=True)
    editor.thread.start()
    try:
        yield editor
    finally:
        outgoing.close()
        await asyncio.to_thread(editor.thread.join, 10)
        incoming.close()
        os.close(stdin)
        os.close(stdout)


@asynccontextmanager
async def petra_lsp(data_dir: Path, *python: str) -> AsyncIterator[tuple[Client, asyncio.subprocess.Process]]:
    """`petra lsp` as an editor starts it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *python,
        *("-m", "petra", "lsp", "--data-dir", str(data_dir)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=data_dir,
    )
    assert process.stdin and process.stdout
    try:
        yield Client(process.stdout, process.stdin), process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextmanager
def parrot_server(data_dir: Path, version: str = __version__) -> Iterator[subprocess.Popen[bytes]]:
    """A server process with only the LSP door; its log is `parrot.log`."""
    with (data_dir / "parrot.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.lsp.parrot_server", str(data_dir), version],
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(1000):
            if rendezvous.read(data_dir) or process.poll() is not None:
                break
            threading.Event().wait(0.01)
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(10)
