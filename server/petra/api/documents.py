"""The caller's files: lists, text, pictures of pages, the bytes, and removing one."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from aiohttp import hdrs, web

from petra.access import Action
from petra.api import files, passages, query
from petra.api.keys import DB, EXTRACTOR, SERVICES
from petra.api.routes import Route, identity, route
from petra.assistant import views
from petra.errors import NotFound
from petra.knowledge.extract import sniff
from petra.knowledge.gitignore import line_for
from petra.messages import error_to_wire, to_wire
from petra.storage import chunks, collections
from petra.storage.documents import Document

WIDEST = 2400
"""Pixels a picture of a page may be wide."""

OFFICE = frozenset({sniff.DOCX, sniff.PPTX, sniff.XLSX, sniff.EPUB})
"""What a browser cannot show but as its bytes: it is saved instead."""

FILE_POLICY = "default-src 'none'; sandbox"
"""For the person's own bytes: nothing in them runs or loads anything."""

PDF_POLICY = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""The same for PDF; a browser's own viewer does not work in a sandbox."""


async def list_collections(request: web.Request) -> web.Response:
    """The caller's collections."""
    caller = identity(request)
    mine = await request.app[SERVICES].library.collections(caller)
    return web.json_response([views.collection(item, local=caller.local) for item in mine])


async def forget_collection(request: web.Request) -> web.Response:
    """Remove a collection with all that was made of it; the files of a folder stay where they are."""
    await request.app[SERVICES].library.forget(identity(request), request.match_info["id"])
    return web.Response(status=204)


async def list_documents(request: web.Request) -> web.Response:
    """The documents of `?collection=`, or of all collections."""
    names = query.names(request, "collection")
    return web.json_response(await request.app[SERVICES].library.documents(identity(request), names))


async def read(request: web.Request) -> web.Response:
    """One document, whether the caller may open its file, or why not, and what leaves it out."""
    document = await _document(request, "read_document")
    async with request.app[DB].read() as conn:
        collection = await collections.get(conn, document.collection_id)
    refusal = await files.refusal(request, document)
    return web.json_response(
        views.document(document, collection.name if collection else "")
        | {
            "file": refusal is None,
            "file_error": to_wire(error_to_wire(refusal)) if refusal else None,
            "leave_out": None if document.upload_id else line_for(document.path),
        }
    )


async def remove(request: web.Request) -> web.Response:
    """Take a document out of its collection, its upload with it."""
    await request.app[SERVICES].library.remove(identity(request), request.match_info["id"])
    return web.Response(status=204)


async def text(request: web.Request) -> web.Response:
    """The text of `?page=`, of the lines `?from=` to `?to=`, or all of it, as it was indexed."""
    document = await _document(request, "read_document")
    if "page" in request.query:
        page = query.whole_number(request, "page", 1, least=1)
        async with request.app[DB].read() as conn:
            parts = await chunks.of_document(conn, document.id, pages=(page, page))
        return web.json_response({"text": passages.page_text(parts, page), "pages": [page, page]})
    if "from" in request.query:
        first = query.whole_number(request, "from", 1, least=1)
        last = query.whole_number(request, "to", first, least=first)
        async with request.app[DB].read() as conn:
            parts = await chunks.of_document(conn, document.id, lines=(first, last))
        found = await asyncio.to_thread(passages.line_text, parts, first, last)
        return web.json_response({"text": found, "lines": [first, last]})
    async with request.app[DB].read() as conn:
        parts = await chunks.of_document(conn, document.id)
    # Putting a long text together takes a while.
    found = await asyncio.to_thread(passages.joined, parts)
    return web.json_response({"text": found})


async def page_picture(request: web.Request) -> web.Response:
    """One page of a PDF as PNG, drawn in a limited child."""
    document = await _document(request, "read_document")
    given = request.match_info["n"]
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
    width = query.whole_number(request, "width", 900, least=50, most=WIDEST)
    if document.media_type != sniff.PDF or not 1 <= number <= (document.pages or number):
        raise NotFound(f"There is no page {given[:20]} to draw", remedy="Ask for its text instead")
    path = await files.path_of(request, document)
    # An upload never changes; a file of a folder may be another one tomorrow, under the same id.
    cache = "private, max-age=86400" if document.upload_id else "private, no-cache"
    etag = f"{document.digest[:32]}-{number}-{width}"
    known = etag in {tag.value for tag in request.if_none_match or ()}
    picture = None if known else await request.app[EXTRACTOR].render_page(path, document.title, number, width)
    response = web.Response(
        status=304 if known else 200,
        body=picture,
        content_type="image/png",
        headers={hdrs.CACHE_CONTROL: cache},
    )
    response.etag = etag
    return response


async def file(request: web.Request) -> web.StreamResponse:
    """The bytes as they were given. Anything but a PDF is plain text, whatever it calls itself, or saved."""
    document = await _document(request, "read_document")
    is_pdf, saved = document.media_type == sniff.PDF, document.media_type in OFFICE
    how = "attachment" if saved else "inline"
    kind = document.media_type if is_pdf or saved else "text/plain; charset=utf-8"
    return web.FileResponse(
        await files.path_of(request, document),
        headers={
            hdrs.CONTENT_TYPE: kind,
            hdrs.CONTENT_DISPOSITION: f"{how}; filename*=UTF-8''{quote(document.title, safe='')}",
            "Content-Security-Policy": PDF_POLICY if is_pdf else FILE_POLICY,
            hdrs.CACHE_CONTROL: "private, no-cache",
        },
    )


async def _document(request: web.Request, action: Action) -> Document:
    library = request.app[SERVICES].library
    return await library.document(identity(request), request.match_info["id"], action)


ROUTES: tuple[Route, ...] = (
    route("GET", "/api/v1/collections", "read_collection", list_collections),
    route("DELETE", "/api/v1/collections/{id}", "delete_collection", forget_collection),
    route("GET", "/api/v1/documents", "read_collection", list_documents),
    route("GET", "/api/v1/documents/{id}", "read_document", read),
    route("DELETE", "/api/v1/documents/{id}", "delete_document", remove),
    route("GET", "/api/v1/documents/{id}/text", "read_document", text),
    route("GET", "/api/v1/documents/{id}/pages/{n}.png", "read_document", page_picture),
    route("GET", "/api/v1/documents/{id}/file", "read_document", file),
)
