"""What a new server has to be told before an editor's session can go on: its messages, kept as they came.

Standard library only. Kept are the handshake, the settings, the workspace folders, and for each open
document its `didOpen` and all changes; when those become many they are folded into one `didOpen`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from petra.lsp.text import Encoding, Text

FOLD_FRAMES = 500
FOLD_BYTES = 1024 * 1024
NOTEBOOK_BYTES = 16 * 1024 * 1024
"""Changes of a notebook are not folded: one that has more is not opened in a new server."""

LIMIT = 128 * 1024 * 1024
"""Bytes of all that is kept; a document that does not fit is not opened in a new server."""


class _Log:
    def __init__(self, first: bytes) -> None:
        self.frames = [first]
        self.size = len(first)
        self.changes = 0
        """Bytes of the frames but for the first."""

    def add(self, body: bytes) -> None:
        self.changes += len(body)
        self.frames.append(body)
        self.size += len(body)


class Replay:
    """The state of one editor's session, as the messages that make it."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        self._handshake: list[bytes] = []
        self._settings: bytes | None = None
        self._folders: list[bytes] = []
        self._documents: dict[str, _Log] = {}
        self._notebooks: dict[str, _Log] = {}
        self._notes: dict[str, Callable[[dict[str, Any], bytes], None]] = {
            "initialize": self._shake,
            "initialized": self._shake,
            "workspace/didChangeConfiguration": self._set,
            "workspace/didChangeWorkspaceFolders": lambda _, body: self._folders.append(body),
            "textDocument/didOpen": self._opened,
            "textDocument/didChange": self._changed,
            "textDocument/didClose": self._closed,
            "notebookDocument/didOpen": self._notebook_opened,
            "notebookDocument/didChange": self._notebook_changed,
            "notebookDocument/didClose": self._notebook_closed,
        }

    def keeps(self, method: object) -> bool:
        """Whether messages of `method` make state. (A request is none, but for `initialize`.)"""
        return method in self._notes

    def note(self, message: dict[str, Any], body: bytes) -> None:
        """Keep a message. One that is malformed makes no state: the server says what is wrong with it."""
        try:
            self._notes[message["method"]](message.get("params") or {}, body)
        except (KeyError, TypeError, AttributeError, ValueError):
            return

    def frames(self) -> Iterator[bytes]:
        """The bodies that bring a new server to where the last one was."""
        yield from self._handshake
        if self._settings is not None:
            yield self._settings
        yield from self._folders
        for log in (*self._documents.values(), *self._notebooks.values()):
            yield from log.frames

    def _shake(self, _: dict[str, Any], body: bytes) -> None:
        self._handshake.append(body)

    def _set(self, _: dict[str, Any], body: bytes) -> None:
        self._settings = body

    def _opened(self, params: dict[str, Any], body: bytes) -> None:
        self._open(self._documents, params["textDocument"]["uri"], body)

    def _changed(self, params: dict[str, Any], body: bytes) -> None:
        log = self._documents.get(params["textDocument"]["uri"])
        if log is None:
            return
        log.add(body)
        if len(log.frames) > FOLD_FRAMES or log.changes > FOLD_BYTES:
            # Taken out first: one whose messages are malformed stays out.
            del self._documents[params["textDocument"]["uri"]]
            folded = _folded(log.frames, self.encoding)
            self._documents[params["textDocument"]["uri"]] = _Log(folded)

    def _closed(self, params: dict[str, Any], _: bytes) -> None:
        self._documents.pop(params["textDocument"]["uri"], None)

    def _notebook_opened(self, params: dict[str, Any], body: bytes) -> None:
        self._open(self._notebooks, params["notebookDocument"]["uri"], body)

    def _notebook_changed(self, params: dict[str, Any], body: bytes) -> None:
        uri = params["notebookDocument"]["uri"]
        if (log := self._notebooks.get(uri)) is not None:
            log.add(body)
            if log.changes > NOTEBOOK_BYTES:
                del self._notebooks[uri]

    def _notebook_closed(self, params: dict[str, Any], _: bytes) -> None:
        self._notebooks.pop(params["notebookDocument"]["uri"], None)

    def _open(self, logs: dict[str, _Log], uri: str, body: bytes) -> None:
        logs.pop(uri, None)
        kept = sum(log.size for log in (*self._documents.values(), *self._notebooks.values()))
        if kept + len(body) <= LIMIT:
            logs[uri] = _Log(body)


def _folded(frames: list[bytes], encoding: Encoding) -> bytes:
    """One `didOpen` that stands for one and the changes after it. Raises what malformed messages raise."""
    message = json.loads(frames[0])
    document = message["params"]["textDocument"]
    text = Text(document["text"], encoding)
    for frame in frames[1:]:
        params = json.loads(frame)["params"]
        document["version"] = params["textDocument"]["version"]
        for change in params["contentChanges"]:
            if "range" in change:
                start, end = (change["range"][side] for side in ("start", "end"))
                places = [(place["line"], place["character"]) for place in (start, end)]
                text.replace(places[0], places[1], change["text"])
            else:
                text = Text(change["text"], encoding)
    document["text"] = str(text)
    return json.dumps(message).encode()
