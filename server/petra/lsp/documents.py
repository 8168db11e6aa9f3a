"""The documents that a client has open: what people see, which comes before what is on the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.uris import to_fs_path

from petra import telemetry
from petra.lsp.feature import Method
from petra.lsp.text import Encoding, Text

if TYPE_CHECKING:
    from petra.lsp.session import Session

log = telemetry.logger(__name__)

DOCUMENT_LIMIT = 4 * 1024 * 1024
"""Characters of one open document. A larger one is not kept: what is on the disk counts for it."""

SESSION_LIMIT = 64 * 1024 * 1024
"""Characters of all open documents of a session together."""

OPEN_LIMIT = 2000
"""Documents and cells that a session may have open."""


@dataclass
class Open:
    """An open document. `text` is None for one that is too large to be kept."""

    uri: str
    language: str
    version: int
    text: Text | None
    opened: int
    """Counts up with every document that is opened: the larger, the later."""
    ours: bool = False
    """Whether it is one of Petra's own answer files."""

    @property
    def path(self) -> str | None:
        """Its path, for what is a file. A name only: whether it may be opened is not said here."""
        return to_fs_path(self.uri) if self.uri.startswith("file:") else None


@dataclass(frozen=True)
class Overlay:
    """What stands for a file (or an unsaved buffer, whose `path` is None) as long as it is open."""

    uri: str
    path: str | None
    language: str
    version: int
    text: str


Watcher = Callable[[str, str], None]
"""Gets the URI of a file and its whole text."""


class Documents:
    """All open documents of a session, by URI. `overlay` is what search and prompts see."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._open: dict[str, Open] = {}
        self._count = 0
        self._told = False
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> None:
        """Have `watcher` called when one of Petra's own answer files was opened or changed."""
        self._watchers.append(watcher)

    def methods(self) -> Sequence[Method]:
        """Text documents; `notebooks` handles cells through `add`, `change` and `remove`."""
        return (
            Method(types.TEXT_DOCUMENT_DID_OPEN, "use_editor", self._did_open),
            Method(types.TEXT_DOCUMENT_DID_CHANGE, "use_editor", self._did_change),
            Method(types.TEXT_DOCUMENT_DID_CLOSE, "use_editor", self._did_close),
        )

    def get(self, uri: str) -> Open | None:
        """An open document, or None."""
        return self._open.get(uri)

    def __iter__(self) -> Iterator[Open]:
        """Every open document, the one that was opened last first."""
        return iter(sorted(self._open.values(), key=lambda item: -item.opened))

    def overlay(self) -> list[Overlay]:
        """What is open, the cells of a notebook as one text; the one opened last first."""
        notebooks = self._session.notebooks
        cells = notebooks.cells()
        single = [
            Overlay(item.uri, item.path, item.language, item.version, str(item.text))
            for item in self
            if item.text is not None and item.uri not in cells
        ]
        return single + notebooks.overlay()

    def add(self, item: types.TextDocumentItem) -> None:
        """Open a document, or open it anew."""
        self.remove(item.uri)
        if len(self._open) >= OPEN_LIMIT:
            self._tell(f"More than {OPEN_LIMIT} documents are open; Petra does not see the new ones")
            return
        self._count += 1
        text = Text(item.text, self._encoding) if len(item.text) <= DOCUMENT_LIMIT else None
        ours = self._session.owns(item.uri)
        self._open[item.uri] = Open(item.uri, item.language_id, item.version, text, self._count, ours)
        self._fit(self._open[item.uri])
        self._tell_watchers(self._open[item.uri])

    def remove(self, uri: str) -> None:
        """Close a document; one that is not open stays so."""
        self._open.pop(uri, None)

    def change(self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        """Edit an open document. One that was never opened is left alone: its text is not known."""
        document = self._open.get(uri)
        if document is None:
            log.warning("lsp_change_of_unopened_document")
            return
        document.version = version
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                whole = change.text
                document.text = Text(whole, self._encoding) if len(whole) <= DOCUMENT_LIMIT else None
            elif document.text is not None:
                start, end = change.range.start, change.range.end
                document.text.replace((start.line, start.character), (end.line, end.character), change.text)
        self._fit(document)
        self._tell_watchers(document)

    @property
    def _encoding(self) -> Encoding:
        return self._session.encoding

    def _fit(self, document: Open) -> None:
        """Keep the caps: a text that does not fit is forgotten until it is sent whole again."""
        held = sum(item.text.length for item in self._open.values() if item.text is not None)
        if document.text is None or document.text.length > DOCUMENT_LIMIT or held > SESSION_LIMIT:
            document.text = None
            self._tell(
                "A document is too large to be kept while it is open; Petra reads what is on the disk instead"
            )

    def _tell_watchers(self, document: Open) -> None:
        if document.ours and document.text is not None:
            for watcher in self._watchers:
                watcher(document.uri, str(document.text))

    def _tell(self, problem: str) -> None:
        if not self._told:
            self._told = True
            self._session.show(types.MessageType.Warning, problem)

    def _did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self.add(params.text_document)

    def _did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self.change(params.text_document.uri, params.text_document.version, params.content_changes)

    def _did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self.remove(params.text_document.uri)
