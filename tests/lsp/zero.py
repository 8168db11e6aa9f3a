"""An editor without a plugin: it keeps texts, makes the edits that it is asked for, and tells of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from pygls.uris import to_fs_path

from petra import __version__
from petra.lsp.features import Parts
from petra.lsp.session import Session
from petra.lsp.text import Text
from petra.lsp.transport import Connection, Limits, StreamChannel
from tests.lsp.desk import Caller
from tests.lsp.door import OWNER

EVERYTHING: dict[str, Any] = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "changeAnnotationSupport": {}},
    },
    "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}},
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "honorsChangeAnnotations": True,
            "tagSupport": {"valueSet": [1]},
        }
    },
}
"""What an editor can do that can do all of it."""


def without(*path: str) -> dict[str, Any]:
    """EVERYTHING but for one capability."""

    def copy(of: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        return {
            key: copy(value, path[1:]) if path[:1] == (key,) else value
            for key, value in of.items()
            if path != (key,)
        }

    return copy(EVERYTHING, path)


class Editor(Caller):
    """`texts` are the open documents by URI, `edits` the workspace edits that it was asked for."""

    refuses = False
    """Whether it makes no edits."""
    confirms = True
    silent: tuple[str, ...] = ()
    """Requests of the server's that it never answers."""

    def __init__(self, *pair: Any) -> None:
        super().__init__(*pair)
        self.texts: dict[str, Text] = {}
        self.versions: dict[str, int] = {}
        self.edits: list[dict[str, Any]] = []
        self.opened: list[str] = []
        self.picks: str | None = None
        self.asked: list[dict[str, Any]] = []
        self.stale = 0
        self.told = []
        self.news = asyncio.Event()
        self._replies: dict[Any, asyncio.Future[dict[str, Any]]] = {}
        self._pump = asyncio.create_task(self._read())

    async def raw(self, method: str, params: Any) -> dict[str, Any]:
        self._count = getattr(self, "_count", 0) + 1
        future = self._replies[self._count] = asyncio.get_running_loop().create_future()
        self.request(self._count, method, params)
        async with asyncio.timeout(15):
            return await future

    async def close(self) -> None:
        self._pump.cancel()
        with suppress(asyncio.CancelledError):
            await self._pump
        await super().close()

    def open(self, uri: str, text: str, language: str = "markdown") -> None:
        self.texts[uri], self.versions[uri] = Text(text), 1
        super().open(uri, text, language)

    def type(self, uri: str, text: str) -> None:
        """Put `text` at the end."""
        end = self.texts[uri].place(self.texts[uri].length)
        self._edit(uri, end, end, text)

    def text(self, uri: str) -> str:
        return str(self.texts[uri])

    def shown(self) -> list[str]:
        return [item["message"] for item in self.notes("window/showMessage")]

    def progress(self) -> list[str]:
        return [item["value"]["kind"] for item in self.notes("$/progress")]

    async def run(self, command: str, *arguments: Any) -> Any:
        return await self.call("workspace/executeCommand", command=command, arguments=list(arguments))

    async def actions(self, uri: str, first: int, last: int, **context: Any) -> list[dict[str, Any]]:
        """The code actions for whole lines, or with `last` None for a cursor."""
        end = {"line": last, "character": 0}
        found: list[dict[str, Any]] = await self.call(
            "textDocument/codeAction",
            textDocument={"uri": uri},
            range={"start": {"line": first, "character": 0}, "end": end},
            context={"diagnostics": [], **context},
        )
        return found

    def answer_late(self) -> None:
        """Answer the first request that was met with silence."""
        message = next(item for item in self.asked if "id" in item)
        self.asked.remove(message)
        result = self._answer(message["method"], message["params"])
        self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    async def until(self, true: Any) -> None:
        """Wait until `true()` holds, looking again at everything that happens."""
        async with asyncio.timeout(15):
            while not true():
                self.news.clear()
                await self.news.wait()

    async def _read(self) -> None:
        while (message := await self._next()) is not None:
            if "method" not in message:
                self._replies.pop(message["id"]).set_result(message)
            elif "id" in message and message["method"] in self.silent:
                self.asked.append(message)
            elif "id" in message:
                result = self._answer(message["method"], message["params"])
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
            else:
                self.told.append(message)
            self.news.set()

    async def _next(self) -> dict[str, Any] | None:
        with suppress(TimeoutError):
            return await self.receive()
        return None

    def _answer(self, method: str, params: Any) -> Any:
        self.asked.append({"method": method, "params": params})
        if method == "window/showDocument":
            path = Path(to_fs_path(params["uri"]) or "")
            self.opened.append(params["uri"])
            self.open(params["uri"], path.read_text())
            return {"success": True}
        if method == "workspace/applyEdit":
            return {"applied": self._apply(params["edit"])}
        if method == "window/showMessageRequest":
            return next((item for item in params["actions"] if item["title"] == self.picks), None)
        return None

    def _apply(self, edit: dict[str, Any]) -> bool:
        self.edits.append(edit)
        if self.refuses:
            return False
        for change in edit.get("documentChanges", ()):
            uri, version = change["textDocument"]["uri"], change["textDocument"]["version"]
            if version != self.versions[uri]:
                self.stale += 1
                return False
            self._all(uri, change["edits"])
        for uri, changes in edit.get("changes", {}).items():
            self._all(uri, changes)
        return True

    def _all(self, uri: str, changes: list[dict[str, Any]]) -> None:
        for item in changes:
            start, end = (
                (item["range"][at]["line"], item["range"][at]["character"]) for at in ("start", "end")
            )
            self._edit(uri, start, end, item["newText"])

    def _edit(self, uri: str, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        self.texts[uri].replace(start, end, text)
        self.versions[uri] += 1
        places = ({"line": line, "character": column} for line, column in (start, end))
        change = {"range": dict(zip(("start", "end"), places, strict=True)), "text": text}
        document = {"uri": uri, "version": self.versions[uri]}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})


@asynccontextmanager
async def serving(parts: Parts, capabilities: dict[str, Any]) -> AsyncIterator[Editor]:
    """An editor whose session has these parts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(parts, OWNER, __version__)
        await Connection(StreamChannel(reader, writer, 30.0), session, Limits()).run()
        writer.close()
        left.set()

    left = asyncio.Event()

    with tempfile.TemporaryDirectory(prefix="petra-") as place:
        server = await asyncio.start_unix_server(serve, Path(place) / "s")
        editor = Editor(*await asyncio.open_unix_connection(Path(place) / "s"))
        await editor.call("initialize", capabilities=capabilities, processId=None, rootUri=None)
        editor.notify("initialized", {})
        try:
            yield editor
        finally:
            await editor.close()
            await left.wait()
            server.close()
