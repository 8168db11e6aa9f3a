"""Where a source is, as an LSP Location: a file of this machine, an open document, or Petra's own URI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from pygls.uris import from_fs_path

from petra.access import Identity
from petra.messages import Source, to_wire

if TYPE_CHECKING:
    from petra.lsp.session import Session

SCHEME = "petra"
"""Of documents that are no file where the editor runs: `petra:///documents/ID/NAME`."""


class Paths(Protocol):
    """Who knows where documents are: `petra.assistant.library.Library`."""

    async def paths(self, caller: Identity, document_ids: Sequence[str]) -> dict[str, Path]:
        """The paths of documents for a caller on this machine; for anybody else none."""


class Found(Protocol):
    """What is somewhere: a source, a passage, a definition."""

    @property
    def document_id(self) -> str:
        """Empty for a document that is only open."""

    @property
    def document(self) -> str:
        """Its name."""

    @property
    def path(self) -> str | None:
        """Where it is in its collection, or in the editor."""

    @property
    def lines(self) -> tuple[int, int] | None:
        """First and last, from 1."""


class Places:
    """Locations for one session; each document is looked up once."""

    def __init__(self, session: Session, paths: Paths) -> None:
        self._session = session
        self._paths = paths
        self._known: dict[str, Path | None] = {}

    async def with_location(self, source: Source) -> dict[str, Any]:
        """A source on the wire, with its `location`."""
        return to_wire(source) | {"location": await self.location(source)}

    async def location(self, item: Found) -> dict[str, Any]:
        """Where something is. Of pages, which LSP does not know, the beginning of the document."""
        first, last = item.lines or (1, 0)
        start, end = {"line": first - 1, "character": 0}, {"line": last, "character": 0}
        return {"uri": await self._uri(item), "range": {"start": start, "end": end}}

    async def _uri(self, item: Found) -> str:
        id = item.document_id
        if not id:
            return self._open(item.path or item.document)
        if id not in self._known:
            found = await self._paths.paths(self._session.identity, [id])
            self._known[id] = found.get(id)
        path = self._known[id]
        uri = from_fs_path(str(path)) if path else None
        return uri or f"{SCHEME}:///documents/{quote(id)}/{quote(item.document, safe='')}"

    def _open(self, path: str) -> str:
        """The URI of the open document that a source came from: it is in no collection."""
        for item in self._session.documents.overlay():
            name = item.path or item.uri
            if name == path or name.endswith(f"/{path}"):
                return item.uri
        return path if ":" in path else from_fs_path(path) or path
