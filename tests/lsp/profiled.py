"""A client of pytest-lsp that can do what a real editor says that it can do.

The profiles were recorded from the editors, or read from their source: see tests/editors/record.py.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp import LanguageClient

from petra.lsp.protocol import converter
from petra.lsp.text import Text

PROFILES = Path(__file__).parent / "profiles"
NAMES = sorted(path.stem for path in PROFILES.glob("*.json"))


def profile(name: str) -> types.ClientCapabilities:
    """What an editor can do."""
    said = json.loads((PROFILES / f"{name}.json").read_text())
    found: types.ClientCapabilities = converter().structure(said["capabilities"], types.ClientCapabilities)
    return found


@dataclass
class Editor:
    """pytest-lsp's client, which opens what it is shown and makes the edits that it is asked for."""

    client: LanguageClient
    capabilities: types.ClientCapabilities
    folder: Path
    texts: dict[str, Text] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, method: str, params: Any) -> Any:
        return await self.client.protocol.send_request_async(method, params)

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, uri: str, text: str, language: str) -> None:
        self.texts[uri], self.versions[uri] = Text(text), 1
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def edit(self, uri: str, edit: types.TextEdit) -> None:
        self.versions[uri] += 1
        at = edit.range
        places = ((at.start.line, at.start.character), (at.end.line, at.end.character))
        self.texts[uri].replace(*places, edit.new_text)
        document = types.VersionedTextDocumentIdentifier(self.versions[uri], uri)
        change = types.TextDocumentContentChangePartial(range=at, text=edit.new_text)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
        self.news.set()

    def apply(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        versioned = bool(self.capabilities.workspace.workspace_edit.document_changes)
        assert versioned == bool(params.edit.document_changes)
        for document in params.edit.document_changes or ():
            assert document.text_document.version == self.versions[document.text_document.uri]
            for edit in document.edits:
                self.edit(document.text_document.uri, edit)
        for uri, edits in (params.edit.changes or {}).items():
            for edit in edits:
                self.edit(uri, edit)
        return types.ApplyWorkspaceEditResult(applied=True)

    @property
    def takes_edits(self) -> bool:
        return bool(self.capabilities.workspace and self.capabilities.workspace.apply_edit)

    def replace(self, uri: str, text: str) -> None:
        """Type a whole text, or load it from the disk."""
        end = types.Position(*self.texts[uri].place(self.texts[uri].length))
        self.edit(uri, types.TextEdit(types.Range(types.Position(0, 0), end), text))

    async def until(self, uri: str, part: str) -> str:
        """The text as soon as it has this part; from the disk, for an editor that takes no edits."""
        async with asyncio.timeout(60):
            while part not in str(self.texts[uri]):
                self.news.clear()
                if self.takes_edits:
                    await self.news.wait()
                    continue
                await asyncio.sleep(0.1)
                text = await asyncio.to_thread(Path(to_fs_path(uri) or "").read_text)
                if text != str(self.texts[uri]):
                    self.replace(uri, text)
        return str(self.texts[uri])
