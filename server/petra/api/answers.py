"""Questions over HTTP: the whole answer at once, or its parts as server-sent events."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
from aiohttp import hdrs, web

from petra.api import body
from petra.api.events import stream
from petra.api.keys import ASSISTANT, DB
from petra.api.query import whole_number
from petra.api.routes import Route, identity, route
from petra.errors import BadRequest
from petra.messages import Answer, AskRequest, to_wire
from petra.storage import collections

EVENT_STREAM = "text/event-stream"


@attrs.frozen(kw_only=True)
class EditorRequest:
    """A question about what is marked in an editor; without `question`, what the code does.
    Names as the extension has them."""

    selection: str
    question: str | None = None
    filePath: str | None = None
    workspaceFolder: str | None = None


async def ask(request: web.Request) -> web.StreamResponse:
    """Answer a question. A client that goes away stops the answer."""
    question = await body.read(request, AskRequest)
    if EVENT_STREAM in request.headers.get(hdrs.ACCEPT, ""):
        answer_id = await request.app[ASSISTANT].start(identity(request), question)
        return await stream(request, answer_id, after_seq=-1)
    return _whole(await request.app[ASSISTANT].ask(identity(request), question))


async def ask_from_editor(request: web.Request) -> web.Response:
    """Answer a question about marked text. Nothing is read from the paths: they only name things."""
    asked = await body.read(request, EditorRequest)
    if not asked.selection.strip() and not (asked.question or "").strip():
        raise BadRequest("There is nothing to ask about", remedy="Mark some text, or type a question")
    question = AskRequest(
        question=asked.question or "What does this do?",
        selection=asked.selection or None,
        file_path=asked.filePath,
        collections=await _of_workspace(request, asked.workspaceFolder),
    )
    return _whole(await request.app[ASSISTANT].ask(identity(request), question))


async def _of_workspace(request: web.Request, folder: str | None) -> tuple[str, ...] | None:
    """The caller's collection with this root; None (all of them) when it is not indexed."""
    if not folder:
        return None
    async with request.app[DB].read() as conn:
        mine = await collections.list_for(conn, identity(request).user_id)
    return next(((item.name,) for item in mine if item.root and Path(item.root) == Path(folder)), None)


async def resume(request: web.Request) -> web.StreamResponse:
    """The parts after `?after=SEQ`, from the record or live."""
    return await stream(request, request.match_info["id"], whole_number(request, "after", -1, least=-1))


async def cancel(request: web.Request) -> web.Response:
    """Stop an answer; the text so far is kept."""
    await request.app[ASSISTANT].cancel(identity(request), request.match_info["id"])
    return web.json_response({"id": request.match_info["id"]})


def _whole(answer: Answer) -> web.Response:
    return web.json_response(to_wire(answer), dumps=lambda value: json.dumps(value, ensure_ascii=False))


ROUTES: tuple[Route, ...] = (
    route("POST", "/api/v1/ask", "ask", ask),
    route("POST", "/api/v1/vscode/ask", "ask", ask_from_editor),
    route("GET", "/api/v1/answers/{id}", "read_answer", resume),
    route("POST", "/api/v1/answers/{id}/cancel", "cancel_answer", cancel),
)
