"""What a question from an editor looks into: the workspace, named collections, what is open."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

import attrs
from pygls.uris import to_fs_path

from petra.access import Identity
from petra.assistant.retrieval import OpenDocument
from petra.storage.collections import Collection

if TYPE_CHECKING:
    from petra.lsp.session import Session


@attrs.frozen(kw_only=True)
class Scope:
    """`workspace`: the collections of the workspace folders. `open_files`: everything that is open,
    wherever it is. `mentions` name files and symbols that come first."""

    workspace: bool | None = None
    collections: tuple[str, ...] | None = None
    open_files: bool | None = None
    mentions: tuple[str, ...] | None = None


@attrs.frozen
class Within:
    """A scope that was looked up. `collections` None are all that the person may read."""

    collections: tuple[str, ...] | None
    open_documents: list[OpenDocument]


class Collections(Protocol):
    """Who knows a person's collections: `petra.assistant.library.Library`."""

    async def collections(self, caller: Identity) -> list[Collection]:
        """All of them."""

    async def withheld(self, caller: Identity, path: str) -> str | None:
        """Why a file that is open is nothing for Petra, or None."""


async def within(session: Session, known: Collections, scope: Scope | None) -> Within:
    """Names and open documents. Without a scope, everything. An open document takes the place of its file
    wherever that is in the scope, even when `open_files` is not asked for."""
    open_documents = [
        OpenDocument(item.path or item.uri, item.text)
        for item in session.documents.overlay()
        if not session.owns(item.uri)
    ]
    if scope is None or not (scope.workspace or scope.open_files or scope.collections is not None):
        return Within(session.preferences.collections, open_documents)
    mine = await known.collections(session.identity)
    chosen = set(scope.collections or ())
    folders = [path for uri in session.folders if (path := to_fs_path(uri))] if scope.workspace else []
    if session.identity.local:
        # From elsewhere, a folder of the same name is another one.
        chosen |= {item.name for item in mine if item.root and _related(item.root, folders)}
    if not scope.open_files:
        roots = folders + [item.root for item in mine if item.root and item.name in chosen]
        open_documents = [item for item in open_documents if any(_below(item.path, root) for root in roots)]
    return Within(tuple(sorted(chosen)), open_documents)


def shown_path(session: Session, path: str) -> str:
    """A path as it is told to a model: below its workspace folder, or only its name. Where a person keeps
    their files is nobody's business."""
    for uri in session.folders:
        folder = to_fs_path(uri)
        if folder and _below(path, folder):
            return PurePath(path).relative_to(folder).as_posix()
    return PurePath(path).name


def _related(root: str, folders: list[str]) -> bool:
    """Whether a collection mirrors a folder, a part of it, or something around it."""
    return any(_below(root, folder) or _below(folder, root) for folder in folders)


def _below(path: str, folder: str) -> bool:
    return PurePath(path).is_relative_to(folder)
