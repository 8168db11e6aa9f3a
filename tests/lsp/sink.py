"""A session without a connection: what is received is called, what is sent is kept."""

from __future__ import annotations

import json
from typing import Any

from petra import __version__
from petra.access import Identity
from petra.lsp.session import Session
from tests.lsp.door import OWNER, parts

URI = "file:///course/a.py"


class Sink:
    """A writer that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def write(self, body: bytes) -> None:
        self.sent.append(json.loads(body))

    def close(self) -> None:
        return

    def replies(self) -> list[dict[str, Any]]:
        """The replies to requests."""
        return [item for item in self.sent if "method" not in item]

    def shown(self) -> list[str]:
        """The messages that the person was shown."""
        return [item["params"]["message"] for item in self.sent if item["method"] == "window/showMessage"]


def receive(session: Session, method: str, params: Any, **message: Any) -> None:
    session.protocol.receive(
        json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **message}).encode()
    )


def initialized(
    capabilities: dict[str, Any] | None = None, identity: Identity = OWNER, **params: Any
) -> tuple[Session, Sink]:
    session, sink = Session(parts(), identity, __version__), Sink()
    session.protocol.set_writer(sink)
    receive(session, "initialize", {"capabilities": capabilities or {}, **params}, id="init")
    sink.sent.clear()
    return session, sink


def open_document(session: Session, text: str, uri: str = URI, version: int = 1) -> None:
    item = {"uri": uri, "languageId": "python", "version": version, "text": text}
    receive(session, "textDocument/didOpen", {"textDocument": item})


def edit(session: Session, *changes: dict[str, Any], uri: str = URI, version: int = 2) -> None:
    document = {"uri": uri, "version": version}
    receive(session, "textDocument/didChange", {"textDocument": document, "contentChanges": changes})


def span(start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    return {
        "start": {"line": start[0], "character": start[1]},
        "end": {"line": end[0], "character": end[1]},
    }


def text_of(session: Session, uri: str = URI) -> str | None:
    document = session.documents.get(uri)
    return None if document is None else str(document.text)
