"""A whole Petra behind the LSP door, with a folder that is indexed; its model is the stub endpoint."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from petra.access import Identity
from petra.lsp.transport import Channel, Connection, Limits, StreamChannel
from tests.api.rig import Rig, rig
from tests.lsp.door import Client

NOTES = {
    "locks.md": "# Locks\n\nThe Marlin kernel guards its run queue with a ticket lock called Humboldt.\n",
    "files.md": "# Files\n\nA file in Marlin has at most 12 direct blocks of 4096 bytes each.\n",
    "queue.py": (
        "class RunQueue:\n"
        '    """Tasks that are ready."""\n\n'
        "    def push_task(self, task):\n"
        '        """Add a task at the end."""\n'
        "        self.tasks.append(task)\n\n\n"
        "def shutdown():\n"
        '    """Stop the kernel."""\n'
        "    raise SystemExit\n"
    ),
}


class Caller(Client):
    """A client that collects what it is told."""

    told: list[dict[str, Any]]

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a request; AssertionError with the error that came instead."""
        reply = await self.raw(method, params)
        assert "result" in reply, reply
        return reply["result"]

    async def error(self, method: str, **params: Any) -> dict[str, Any]:
        """The error of a request that has to fail."""
        reply = await self.raw(method, params)
        assert "error" in reply, reply
        error: dict[str, Any] = reply["error"]
        return error

    async def raw(self, method: str, params: Any) -> dict[str, Any]:
        self._count = getattr(self, "_count", 0) + 1
        self.request(self._count, method, params)
        before, reply = await self.until_reply(self._count)
        self.told = [*getattr(self, "told", []), *before]
        return reply

    def notes(self, method: str) -> list[Any]:
        """The params of the notifications of this method so far."""
        return [message["params"] for message in getattr(self, "told", []) if message.get("method") == method]

    def open(self, uri: str, text: str, language: str = "markdown") -> None:
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})


AnyCaller = TypeVar("AnyCaller", bound=Caller)


@dataclass
class Desk:
    """`folder` is the workspace, indexed as the collection `notes`."""

    rig: Rig
    folder: Path

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    @asynccontextmanager
    async def caller(
        self,
        *,
        local: bool = True,
        role: Any = "owner",
        folders: bool = True,
        capabilities: dict[str, Any] | None = None,
        kind: type[AnyCaller] = Caller,  # type: ignore[assignment]
    ) -> AsyncIterator[AnyCaller]:
        """An initialized client over a socket pair."""
        identity = Identity(self.rig.petra.owner_id, role, local=local)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            channel: Channel = StreamChannel(reader, writer, 30.0)
            session = self.rig.petra.language_session(identity)
            await Connection(channel, session, Limits()).run()
            writer.close()

        with tempfile.TemporaryDirectory(prefix="petra-") as place:
            server = await asyncio.start_unix_server(serve, Path(place) / "s")
            client = kind(*await asyncio.open_unix_connection(Path(place) / "s"))
            listed = [{"uri": self.folder.as_uri(), "name": "notes"}] if folders else None
            params = {
                "capabilities": capabilities or {},
                "processId": None,
                "rootUri": None,
                "workspaceFolders": listed,
            }
            await client.call("initialize", **params)
            client.notify("initialized", {})
            try:
                yield client
            finally:
                await client.close()
                server.close()


@asynccontextmanager
async def desk(**settings: Any) -> AsyncIterator[Desk]:
    """Everything open, and NOTES indexed."""
    token_delay = settings.pop("token_delay", 0.0)
    async with rig(token_delay=token_delay, **settings) as opened:
        with tempfile.TemporaryDirectory(prefix="petra-notes-") as place:
            folder = Path(place).resolve() / "notes"
            await asyncio.to_thread(write, folder)
            petra = opened.petra
            _, job = await petra.services.library.index(
                Identity(petra.owner_id, "owner", local=True), str(folder), None
            )
            await petra.jobs.wait(job.id)
            yield Desk(opened, folder)


def write(folder: Path) -> None:
    folder.mkdir()
    for name, text in NOTES.items():
        (folder / name).write_text(text)
