"""`petra/documents`: the person's documents: list, add and remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
from pygls.uris import to_fs_path

from petra.access import authorize
from petra.assistant import views
from petra.assistant.library import Library
from petra.assistant.work import Work
from petra.errors import BadRequest
from petra.lsp.feature import Method
from petra.lsp.progress import Running
from petra.messages import Token

if TYPE_CHECKING:
    from petra.lsp.session import Session


@attrs.frozen(kw_only=True)
class DocumentsParams:
    """`list` gives those of `collection`, or all. `add` takes a file of this machine by its `uri`, or a
    `text` under a `name`. `remove` takes `id` out of its collection."""

    action: Literal["list", "add", "remove"] = "list"
    collection: str | None = None
    uri: str | None = None
    name: str | None = None
    text: str | None = None
    id: str | None = None
    work_done_token: Token | None = None
    partial_result_token: Token | None = None


class LibraryDocuments:
    """The documents in a person's collections, over one session."""

    def __init__(self, session: Session, library: Library, work: Work, running: Running) -> None:
        self._session = session
        self._library = library
        self._work = work
        self._progress = running

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/documents", "read_collection", self.documents, DocumentsParams),)

    async def documents(self, params: DocumentsParams) -> dict[str, Any]:
        """`{collections, documents}`, `{job, document?}` or `{}`."""
        with self._progress.shown(params.work_done_token, "Petra's documents"):
            if params.action == "list":
                return self._progress.whole(params.partial_result_token, await self._list(params))
            if params.action == "add":
                return await self._add(params)
            return await self._remove(params)

    async def _list(self, params: DocumentsParams) -> dict[str, Any]:
        caller = self._session.identity
        names = None if params.collection is None else (params.collection,)
        mine = await self._library.collections(caller)
        return {
            "collections": [views.collection(item, local=caller.local) for item in mine],
            "documents": await self._library.documents(caller, names),
        }

    async def _remove(self, params: DocumentsParams) -> dict[str, Any]:
        caller = self._session.identity
        authorize(caller, "delete_document")
        if params.id is None:
            raise BadRequest("Which document is to be removed?", remedy="Give its `id`")
        await self._library.remove(caller, params.id)
        return {}

    async def _add(self, params: DocumentsParams) -> dict[str, Any]:
        caller = self._session.identity
        if params.uri is not None:
            authorize(caller, "index_path")
            path = to_fs_path(params.uri) if params.uri.startswith("file:") else None
            if path is None:
                raise BadRequest("The URI is no file of this machine", remedy="Give `name` and `text`")
            _, job = await self._library.index(caller, path, params.collection)
            return {"job": await self._work.read(caller, job.id)}
        authorize(caller, "upload")
        if not params.name or not params.text:
            raise BadRequest("There is nothing to add", remedy="Give `uri`, or `name` and `text`")
        document, job = await self._library.add_text(caller, params.name, params.text, params.collection)
        return {
            "document": views.document(document, params.collection or ""),
            "job": await self._work.read(caller, job.id),
        }
