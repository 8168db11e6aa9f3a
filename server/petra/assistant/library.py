"""A person's collections and documents, for every door: look, search, add, remove."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from petra.access import Action, Identity, authorize
from petra.assistant import views
from petra.assistant.scope import readable
from petra.assistant.subject import left_out, refuse_secrets
from petra.errors import BadRequest, NotFound
from petra.knowledge.forget import Forgetting
from petra.knowledge.gitignore import line_for
from petra.knowledge.ignore import BY_PETRA, SECRET
from petra.knowledge.ingest import Ingest
from petra.knowledge.names import shown
from petra.knowledge.search import Passage, Searcher, path_below
from petra.storage import collections, documents, uploads
from petra.storage.blobs import Blobs, Stored
from petra.storage.collections import Collection
from petra.storage.database import Database
from petra.storage.documents import Document
from petra.storage.jobs import Job

UPLOADS = "Uploads"
"""The collection of an upload that names none."""

QUERY_LIMIT = 20_000
"""Characters of a query; longer ones are refused before anything is computed."""

Names = tuple[str, ...] | None
"""Of collections; None are all that the person may read."""


class Library:
    """What a person has in Petra. `passages` is how many a search gives unless told otherwise."""

    def __init__(
        self,
        db: Database,
        blobs: Blobs,
        searcher: Searcher,
        ingest: Ingest,
        forgetting: Forgetting,
        *,
        passages: int,
        upload_limit: int,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._searcher = searcher
        self._ingest = ingest
        self._forgetting = forgetting
        self._passages = passages
        self._upload_limit = upload_limit

    async def search(
        self, caller: Identity, query: str, *, k: int | None = None, names: Names = None, path: str | None
    ) -> list[Passage]:
        """The passages that fit best. Raises BadRequest for nothing or too much to look for, NotFound for
        a collection that this person does not have."""
        if not query.strip():
            raise BadRequest("There is nothing to search for", remedy="Give a query")
        if len(query) > QUERY_LIMIT:
            raise BadRequest(f"The query is longer than {QUERY_LIMIT} characters")
        scope = await readable(self._db, caller, names)
        return await self._searcher.search(
            query, [item.id for item in scope], self._passages if k is None else k, path=path
        )

    async def collections(self, caller: Identity) -> list[Collection]:
        """All of the person's collections, by name."""
        return await readable(self._db, caller, None)

    async def documents(self, caller: Identity, names: Names = None) -> list[dict[str, Any]]:
        """The documents of some collections."""
        scope = await readable(self._db, caller, names)
        async with self._db.read() as conn:
            found = [(item.name, await documents.list_in(conn, item.id)) for item in scope]
        return [views.document(document, name) for name, some in found for document in some]

    async def document(self, caller: Identity, document_id: str, action: Action) -> Document:
        """A document that `caller` may do `action` to. Raises NotFound."""
        async with self._db.read() as conn:
            document = await documents.get(conn, document_id)
        if document is None:
            raise NotFound("There is no such document", remedy="It may have been removed")
        authorize(caller, action, document)
        return document

    async def remove(self, caller: Identity, document_id: str) -> None:
        """Take an upload out of its collection. Raises NotFound, and BadRequest for a file of a folder: it
        would be back at the next look at the folder."""
        document = await self.document(caller, document_id, "delete_document")
        if document.upload_id is None:
            raise BadRequest(
                f"{document.title} is a file of a folder",
                cause="Petra reads what is in the folder: removed here, it would come back",
                remedy=f"To leave it out, write the line `{line_for(document.path)}` into a file "
                ".petraignore in that folder",
            )
        await self._ingest.remove_document(caller.user_id, document.id)

    async def forget(self, caller: Identity, collection_id: str) -> None:
        """Remove a collection: documents, index, jobs and uploads. Files of a folder stay where they are,
        answers what they quote. Raises NotFound."""
        async with self._db.read() as conn:
            collection = await collections.get(conn, collection_id)
        if collection is None:
            raise NotFound("There is no such collection", remedy="It may have been removed already")
        authorize(caller, "delete_collection", collection)
        await self._forgetting.forget(collection.id)

    async def index(self, caller: Identity, path: str, collection: str | None) -> tuple[Collection, Job]:
        """Begin to read a file or folder of this machine. Raises NotAllowed for a caller who is not on it,
        BadRequest for a path that is not absolute."""
        authorize(caller, "index_path")
        place = Path(path)
        if not place.is_absolute():
            raise BadRequest("The path is not absolute", cause=f"It is {path!r:.80}")
        return await self._ingest.index_path(caller.user_id, place, collection)

    async def add_upload(
        self,
        caller: Identity,
        upload_id: str,
        *,
        filename: str,
        media_type: str,
        stored: Stored,
        collection: str | None,
    ) -> tuple[Document, Job]:
        """Make a document of a blob that is durable. Whatever is wrong, the blob is gone afterwards."""
        try:
            into = await self._for_uploads(caller, collection or UPLOADS)
        except BaseException:
            await self._blobs.delete(upload_id)
            raise
        async with self._db.write() as conn:
            row = await uploads.add(
                conn,
                id=upload_id,
                owner_id=caller.user_id,
                filename=filename,
                size=stored.size,
                sha256=stored.sha256,
                media_type=media_type,
            )
        return await self._ingest.add_upload(caller.user_id, row, into.id)

    async def add_text(
        self, caller: Identity, name: str, text: str, collection: str | None
    ) -> tuple[Document, Job]:
        """Make a document of a text. Raises TooLarge for one over the limit of an upload, NotAllowed for
        one that may hold secrets."""
        # A large text takes a while to be looked through.
        await asyncio.to_thread(refuse_secrets, name, text)
        upload_id = new_upload_id()
        filename = shown(re.split(r"[/\\]", name)[-1])
        stored = await self._blobs.put(upload_id, filename, _once(text.encode()), self._upload_limit)
        return await self.add_upload(
            caller,
            upload_id,
            filename=filename,
            media_type="text/plain",
            stored=stored,
            collection=collection,
        )

    async def paths(self, caller: Identity, document_ids: Sequence[str]) -> dict[str, Path]:
        """Where on this machine the files of documents of folders are, for a caller who is on it; nobody
        else learns a path, and nothing is opened."""
        if not caller.local:
            return {}
        async with self._db.read() as conn:
            found = await documents.get_many(conn, list(document_ids))
            of = {item.collection_id for item in found.values()}
            homes = {id: await collections.get(conn, id) for id in of}
        places: dict[str, Path] = {}
        for document in found.values():
            home = homes[document.collection_id]
            if home and home.root and home.owner_id == caller.user_id and document.upload_id is None:
                places[document.id] = Path(home.root) / document.path
        return places

    async def withheld(self, caller: Identity, path: str) -> str | None:
        """Why a file that is open on this machine is nothing for Petra, by the rules of the collection
        that it lies in; None for any other. Nothing of it is read."""
        if not caller.local:
            return None
        for item in await self.collections(caller):
            below = path_below(path, item.root) if item.root else None
            if item.root and below:
                reason = await asyncio.to_thread(left_out, item.root, below)
                return reason if reason in (BY_PETRA, SECRET) else None
        return None

    async def _for_uploads(self, caller: Identity, name: str) -> Collection:
        async with self._db.write() as conn:
            found = await collections.by_name(conn, caller.user_id, name)
            if found is None:
                return await collections.create(conn, caller.user_id, name)
        authorize(caller, "upload", found)
        if found.root is not None:
            raise BadRequest(
                f"{name} mirrors a folder",
                cause="Its files are what the folder holds",
                remedy="Choose another",
            )
        return found


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def new_upload_id() -> str:
    """An id for a blob that is not stored yet."""
    return uuid4().hex
