"""What an editor and `petra lsp` have said to each other, read from the records that `tee.py` writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.editors.terminal import wait_until


@dataclass(frozen=True)
class Wire:
    """The records of all servers that one editor started, in a folder."""

    folder: Path

    @property
    def sessions(self) -> int:
        """How many times the editor has started a server."""
        return len(list(self.folder.glob("*.petra")))

    def editor(self, method: str) -> list[Any]:
        """The params of the editor's requests and notifications of one method."""
        return self._said("editor", method)

    def petra(self, method: str) -> list[Any]:
        """The params of Petra's."""
        return self._said("petra", method)

    def replies(self, side: str, method: str) -> list[Any]:
        """What one side has replied to the other's requests of one method."""
        other = "petra" if side == "editor" else "editor"
        asked = {message.get("id") for message in self._all(other) if message.get("method") == method}
        return [
            message.get("result", message.get("error"))
            for message in self._all(side)
            if "method" not in message and message.get("id") in asked
        ]

    def until(self, side: str, method: str, count: int = 1) -> list[Any]:
        """What one side has sent of a method, as soon as there are `count`."""
        return self._until(lambda: self._said(side, method), count, side, method)

    def until_replied(self, side: str, method: str, count: int = 1) -> list[Any]:
        """What one side has replied to requests of a method, as soon as there are `count`."""
        return self._until(lambda: self.replies(side, method), count, side, method)

    def _until(self, found: Callable[[], list[Any]], count: int, side: str, method: str) -> list[Any]:
        wait_until(
            lambda: len(found()) >= count,
            lambda: f"no {method} of {side}, only {[item.get('method') for item in self._all(side)]}",
        )
        return found()

    def _said(self, side: str, method: str) -> list[Any]:
        return [message.get("params") for message in self._all(side) if message.get("method") == method]

    def _all(self, side: str) -> list[dict[str, Any]]:
        return [
            message for path in sorted(self.folder.glob(f"*.{side}")) for message in frames(path.read_bytes())
        ]


def frames(data: bytes) -> list[dict[str, Any]]:
    """The messages of a record; the last may still be on its way."""
    messages = []
    while (head := data.find(b"\r\n\r\n")) >= 0:
        fields = dict(line.split(b":", 1) for line in data[:head].split(b"\r\n"))
        length = int({name.strip().lower(): value for name, value in fields.items()}[b"content-length"])
        body, data = data[head + 4 : head + 4 + length], data[head + 4 + length :]
        if len(body) == length:
            messages.append(json.loads(body))
    return messages
