"""Taking a file: streamed to its blob, never held in memory, and one document however often it comes."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from petra.access import Identity
from petra.api.failures import UnsupportedMediaType
from petra.api.keys import BLOBS, DB, SERVICES, SETTINGS
from petra.api.routes import Route, identity, route
from petra.assistant.library import UPLOADS, new_upload_id
from petra.errors import BadRequest, TooLarge
from petra.knowledge.names import shown
from petra.storage import chunks, collections, documents
from petra.storage.blobs import Blobs, Stored
from petra.storage.documents import Document
from petra.storage.jobs import Job

PARTS = 16
"""Parts of one form; a form of ten thousand is an attack."""

FIELD_LIMIT = 1024
PATIENCE = 15.0
"""Seconds an upload waits for its text, so that the reply can show the beginning of it."""

EXCERPT = 300
READ_DEADLINE = 60.0
"""Seconds of silence in the middle of an upload after which it is given up."""


@dataclass(frozen=True)
class Received:
    """A blob that is durable and not yet a document."""

    upload_id: str
    filename: str
    media_type: str
    stored: Stored
    collection: str


async def upload(request: web.Request) -> web.Response:
    """Store the `file` of a form and make it a document of its collection."""
    caller = identity(request)
    limit = request.app[SETTINGS].upload_limit
    if (request.content_length or 0) > limit + PARTS * FIELD_LIMIT:
        raise too_large(limit)
    received = await _receive(request, limit)
    # The bytes are safe: from here on a client that goes away must not leave half of a document.
    document, job, new = await asyncio.shield(_document(request, caller, received))
    document = await _settled(request, document)
    async with request.app[DB].read() as conn:
        collection = await collections.get(conn, document.collection_id)
        passages = await chunks.of_document(conn, document.id) if document.state == "ready" else []
    return web.json_response(
        {
            "document_id": document.id,
            "name": document.title,
            "size": document.size,
            "media_type": document.media_type,
            "job_id": job.id,
            "collection": collection.name if collection else None,
            "excerpt": passages[0].text[:EXCERPT] if passages else None,
            "state": document.state,
            "reason": document.reason,
        },
        status=201 if new else 200,
    )


async def _receive(request: web.Request, limit: int) -> Received:
    """Read the form. Whatever is wrong with it, no blob is left behind."""
    if request.content_type != "multipart/form-data":
        raise UnsupportedMediaType(
            "An upload is a form with a file",
            cause=f"The body is {request.content_type}",
            remedy="Send multipart/form-data with a field `file`",
        )
    blobs = request.app[BLOBS]
    upload_id, collection = new_upload_id(), UPLOADS
    file: tuple[str, str, Stored] | None = None
    try:
        async for number, part in _parts(await request.multipart()):
            if number >= PARTS:
                raise TooLarge(f"The form has more than {PARTS} parts", remedy="Send one file at a time")
            if part.name == "file" and file is None:
                name = safe_name(_filename(part))
                file = name, _media_type(part), await _store(blobs, upload_id, name, part, limit)
            elif part.name == "collection":
                collection = await _field(part) or UPLOADS
            else:
                raise BadRequest(
                    f"The form has a part {part.name!r}",
                    remedy="Send one `file`, and if you like a `collection`",
                )
        if file is None:
            raise BadRequest("The form has no file", remedy="Send a field `file`")
    except BaseException as error:
        await asyncio.shield(blobs.delete(upload_id))
        if isinstance(error, ValueError):
            raise BadRequest("The form cannot be read", cause=str(error)) from error
        if isinstance(error, TimeoutError):
            raise BadRequest("The upload stopped half-way", remedy="Send the file again") from error
        raise
    return Received(upload_id, file[0], file[1], file[2], collection)


async def _store(blobs: Blobs, upload_id: str, name: str, part: BodyPartReader, limit: int) -> Stored:
    try:
        return await blobs.put(upload_id, name, _pieces(part), limit)
    except TooLarge as error:
        raise too_large(limit) from error


async def _parts(reader: MultipartReader) -> AsyncIterator[tuple[int, BodyPartReader]]:
    number = 0
    while (part := await asyncio.wait_for(reader.next(), READ_DEADLINE)) is not None:
        if not isinstance(part, BodyPartReader):
            raise ValueError("a form inside the form")
        yield number, part
        number += 1


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    if part.headers.get(hdrs.CONTENT_ENCODING) or part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING):
        raise ValueError("an encoded part")
    while piece := await asyncio.wait_for(part.read_chunk(64 * 1024), READ_DEADLINE):
        yield piece


async def _field(part: BodyPartReader) -> str:
    content = b""
    async for piece in _pieces(part):
        content += piece
        if len(content) > FIELD_LIMIT:
            raise ValueError(f"the field {part.name!r} is too long")
    text = content.decode("utf-8").strip()
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise ValueError(f"the field {part.name!r} has control characters")
    return shown(text)


async def _document(request: web.Request, caller: Identity, received: Received) -> tuple[Document, Job, bool]:
    """The document of these bytes, its job, and whether it is new."""
    document, job = await request.app[SERVICES].library.add_upload(
        caller,
        received.upload_id,
        filename=received.filename,
        media_type=received.media_type,
        stored=received.stored,
        collection=received.collection,
    )
    return document, job, document.upload_id == received.upload_id


async def _settled(request: web.Request, document: Document) -> Document:
    """The document once it is ready or has failed, or as it is when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while document.state not in ("ready", "failed") and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        async with request.app[DB].read() as conn:
            document = await documents.get(conn, document.id) or document
    return document


def safe_name(name: str) -> str:
    """What is shown as the name of an upload: its last component, without what cannot be seen."""
    return shown(re.split(r"[/\\]", name)[-1])


def _filename(part: BodyPartReader) -> str:
    """The name that the client gave. Browsers write `"`, CR and LF as %22, %0D and %0A, and `%` as it is, so
    nothing else is decoded; `filename*` is decoded already."""
    name = part.filename or ""
    if "filename*" in part.headers.get(hdrs.CONTENT_DISPOSITION, "").lower():
        return name
    return re.sub("%22|%0D|%0A", lambda found: chr(int(found[0][1:], 16)), name)


def _media_type(part: BodyPartReader) -> str:
    """What the client says the file is; only shown, the content decides."""
    given = part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    return (
        given if re.fullmatch(r"[a-z0-9.+-]{1,60}/[a-z0-9.+-]{1,60}", given) else "application/octet-stream"
    )


def too_large(limit: int) -> TooLarge:
    """The error for a file over the limit."""
    return TooLarge(
        f"The file is larger than {limit / 1_048_576:.0f} MiB",
        cause="UPLOAD_LIMIT is the largest upload this server takes",
        remedy="Split the file, or raise UPLOAD_LIMIT",
    )


ROUTES: tuple[Route, ...] = (route("POST", "/upload", "upload", upload),)
