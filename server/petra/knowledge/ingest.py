"""Files in: uploads and folders of this machine become documents, each by a job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from collections.abc import Collection as Some
from pathlib import Path

from petra.errors import NotFound, UnreadableDocument
from petra.knowledge import homes, secrets
from petra.knowledge.changes import Changes, Published
from petra.knowledge.embedding import Endpoint
from petra.knowledge.extract import sniff
from petra.knowledge.extract.extractor import Extractor
from petra.knowledge.filler import KIND as EMBED
from petra.knowledge.filler import Filler, OpenFiles
from petra.knowledge.folder import FolderIngest
from petra.knowledge.homes import Place
from petra.knowledge.index import Indexes
from petra.knowledge.publish import Draft, Publisher
from petra.knowledge.reading import FolderReader
from petra.knowledge.space import Space
from petra.storage import collections, documents, jobs, uploads
from petra.storage.blobs import Blobs
from petra.storage.collections import Collection
from petra.storage.database import Connection, Database
from petra.storage.documents import Document
from petra.storage.job_runner import JobContext, JobHandler
from petra.storage.jobs import Job
from petra.storage.uploads import Upload


class Ingest:
    """Adds and removes documents. `handlers` do the jobs; `wake` tells their runner that there is one.

    `embed_bulk` gives the endpoint that embeds chunks, when there are some, and `embed_now` the one for a
    few that somebody waits for; `model_id` names their model. What `open_files` gives is embedded first.
    """

    def __init__(
        self,
        db: Database,
        blobs: Blobs,
        extractor: Extractor,
        indexes: Indexes,
        embed_bulk: Endpoint,
        model_id: str,
        wake: Callable[[], None],
        embed_now: Endpoint | None = None,
        open_files: OpenFiles = tuple,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._extractor = extractor
        self._indexes = indexes
        self._wake = wake
        self._publisher = Publisher(db, indexes)
        self._filler = Filler(db, indexes, model_id, embed_bulk, embed_now or embed_bulk, wake, open_files)
        reader = FolderReader(extractor)
        self._folders = FolderIngest(db, reader, self._publisher, self._filler)
        self._changes = Changes(db, reader, self._publisher, self._filler)

    @property
    def handlers(self) -> Mapping[str, JobHandler]:
        """What the job runner needs."""
        return {"ingest": self._ingest, "index": self._folders.run, EMBED: self._filler.run}

    async def switch(self, space: Space) -> None:
        """Keep another version of the index from now on: what was published while it was built is embedded
        with its model, too."""
        self._indexes = space.indexes
        self._publisher.switch(space)
        self._filler.switch(space)
        await self._filler.start_where_missing()

    async def close(self) -> None:
        """End what runs beside the jobs."""
        await self._filler.close()

    async def changed(self, collection_id: str, paths: Some[str]) -> Published:
        """Publish what these files of a folder hold now (`paths` relative to it, with `/`), without a job:
        for the few that a person saves. What is missing there is removed; for a folder among them there is
        a job after all."""
        published = await self._changes.publish(collection_id, paths)
        if published.folders:
            await self._index_again(collection_id)
        return published

    async def add_upload(self, owner_id: str, upload: Upload, collection_id: str) -> tuple[Document, Job]:
        """Make a document of a stored upload, and the job that reads it.

        The same bytes twice in one collection are one document: the second upload is removed again,
        and the first one's job is returned.
        """
        head = await asyncio.to_thread(_head, await self._blobs.local_path(upload.id))
        try:
            document, job = await self._add_upload(owner_id, upload, collection_id, head)
        except NotFound:  # the collection was removed while the bytes arrived
            async with self._db.write() as conn:
                await uploads.remove(conn, upload.id)
            await self._blobs.delete(upload.id)
            raise
        if document.upload_id != upload.id:
            await self._blobs.delete(upload.id)
        self._wake()
        return document, job

    async def _add_upload(
        self, owner_id: str, upload: Upload, collection_id: str, head: bytes
    ) -> tuple[Document, Job]:
        async with self._db.write() as conn:
            document = await documents.by_digest(conn, collection_id, upload.sha256)
            known = document is not None
            if document is None:
                document = await documents.add(
                    conn,
                    collection_id=collection_id,
                    owner_id=owner_id,
                    upload_id=upload.id,
                    path=upload.filename,
                    title=upload.filename,
                    media_type=sniff.media_type(head, upload.filename),
                    size=upload.size,
                    digest=upload.sha256,
                    revision=await collections.bump(conn, collection_id),
                )
            elif document.upload_id != upload.id:
                await uploads.remove(conn, upload.id)
            job = await jobs.of_document(conn, document.id) if known else None
            if job is None or (document.state == "failed" and job.ended):
                job = await jobs.enqueue(conn, "ingest", owner_id, {}, collection_id, document.id)
        return document, job

    async def renew(self) -> int:
        """Ask for each upload that another chunker has cut to be read again, and say how many there are.
        Files of folders need no asking: the next look at their folder finds them."""
        async with self._db.write() as conn:
            outdated = await documents.uploads_of_another(conn, self._extractor.chunker)
            for document in outdated:
                job = await jobs.of_document(conn, document.id)
                if job is None or job.ended:
                    await jobs.enqueue(
                        conn, "ingest", document.owner_id, {}, document.collection_id, document.id
                    )
        self._wake()
        await self._filler.start_where_missing()
        return len(outdated)

    async def index_path(
        self, owner_id: str, path: Path, collection_name: str | None = None
    ) -> tuple[Collection, Job]:
        """Make a folder (or one file of it) of this machine a collection, and the job that reads it.

        Only for callers who may open paths here. A collection that mirrors this folder already is
        brought up to date; without a name, one that follows a folder above it will do. Raises NotFound,
        UnreadableDocument, and BadRequest when the name belongs to something else.
        """
        place = await asyncio.to_thread(homes.place_of, path)
        above = await self._followed_above(owner_id, place) if collection_name is None else None
        async with self._db.write() as conn:
            if above and await collections.get(conn, above[0].id):
                home, place = above
            else:
                home = await homes.collection_of(conn, owner_id, place.root, collection_name)
            job = await _index_job(conn, home, place.only)
        self._wake()
        return home, job

    async def _followed_above(self, owner_id: str, place: Place) -> tuple[Collection, Place] | None:
        async with self._db.read() as conn:
            followed = await collections.followed(conn)
        mine = [item for item, only in followed if only is None and item.owner_id == owner_id]
        return await asyncio.to_thread(homes.followed_above, place, mine)

    async def _index_again(self, collection_id: str) -> None:
        async with self._db.write() as conn:
            if collection := await collections.get(conn, collection_id):
                await _index_job(conn, collection, None)
        self._wake()

    async def remove_document(self, owner_id: str, document_id: str) -> None:
        """Delete a document, its passages and its upload. Raises NotFound."""
        async with self._db.write() as conn:
            document = await documents.get(conn, document_id)
            if document is None or document.owner_id != owner_id:
                raise NotFound("There is no such document", remedy="It may have been removed already")
            revision = await collections.bump(conn, document.collection_id)
            await documents.mark_deleted(conn, document_id, revision)
            if document.upload_id:
                await uploads.remove(conn, document.upload_id)
        if document.upload_id:
            await self._blobs.delete(document.upload_id)
        await self._indexes.refresh(document.collection_id)

    async def _ingest(self, context: JobContext) -> None:
        """Handle a job of kind "ingest": one upload."""
        async with self._db.read() as conn:
            document = await documents.get(conn, str(context.job.document_id))
            collection = await collections.get(conn, document.collection_id) if document else None
        if document is None or collection is None or document.upload_id is None:
            raise NotFound("The document is gone", cause="It was removed meanwhile")
        again = document.state == "ready"
        if again and document.chunker == self._extractor.chunker:
            return
        if secrets.named(document.path):
            raise UnreadableDocument(
                f"{document.title} was not read",
                cause="Going by its name, it holds keys or passwords",
                remedy="Remove them and upload it under another name",
            )
        await context.progress(0, document.size, "bytes", "extracting")
        if not again:  # what is ready stays so until it is replaced
            await self._enter(document, "extracting")
        extracted = await self._extractor.extract(
            await self._blobs.local_path(document.upload_id), document.title
        )
        if extracted.media_type != document.media_type:  # its name said otherwise
            async with self._db.write() as conn:
                await documents.set_media_type(conn, document.id, extracted.media_type)
        draft = Draft(
            document_id=document.id,
            path=document.path,
            title=document.title,
            media_type=extracted.media_type,
            size=document.size,
            digest=document.digest,
            mtime_ns=None,
            content=extracted,
            chunker=self._extractor.chunker,
        )
        await self._publisher.publish(collection, [draft])
        await context.progress(document.size, kept=True)
        await self._publisher.finish(collection)
        await self._filler.fill(collection)

    async def _enter(self, document: Document, state: documents.DocumentState) -> None:
        async with self._db.write() as conn:
            await documents.set_state(conn, document.id, state)


async def _index_job(conn: Connection, collection: Collection, only: str | None) -> Job:
    """The job that waits to read this folder, a new one if there is none."""
    waiting = [
        job
        for job in await jobs.list_for(conn, collection.owner_id)
        if (job.kind, job.state, job.collection_id) == ("index", "queued", collection.id)
        and job.payload.get("only") == only
    ]
    if waiting:
        return waiting[0]
    return await jobs.enqueue(conn, "index", collection.owner_id, {"only": only}, collection.id)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1024)
