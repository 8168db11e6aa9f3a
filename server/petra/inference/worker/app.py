"""The HTTP side of a worker: the OpenAI API, as far as Petra needs it, over one engine."""

from __future__ import annotations

import base64
import hmac
import json
import sys
import time
import traceback
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from petra.errors import BadRequest, NotAllowed, NotAuthenticated, PetraError, TooLarge
from petra.inference.worker import requests
from petra.inference.worker.engine import ChatEngine, Embedder, Ended, Engine, Event, Piece, Stopped, Waiting

BODY_LIMIT = 16 * 1024 * 1024
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Door:
    """Who may come in. `token` None: everybody who can open the socket; `hosts`: allowed Host headers,
    None for a unix socket, which no web page can reach."""

    token: str | None = None
    hosts: frozenset[str] | None = None


@dataclass
class Counts:
    """For /metrics."""

    requests: dict[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0


def build(
    *, chat: ChatEngine | None = None, embed: Embedder | None = None, door: Door | None = None
) -> web.Application:
    """The application over a chat engine, an embedder, or one that is both."""
    engine: Engine | None = chat or embed
    if engine is None:
        raise ValueError("a worker without an engine")
    door = door or Door()
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_errors, _guard(door)])
    counts = Counts()
    routes = _Common(engine, counts)
    app.router.add_get("/health", routes.health)
    app.router.add_get("/metrics", routes.metrics)
    app.router.add_get("/v1/models", routes.models)
    app.router.add_post("/tokenize", routes.tokenize)
    if chat:
        writes = _Writes(chat, counts)
        app.router.add_post("/v1/chat/completions", writes.chat)
        app.router.add_post("/v1/completions", writes.completion)
    if embed:
        app.router.add_post("/v1/embeddings", _Embeds(embed, counts).embeddings)
    return app


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as OpenAI writes them. A trace goes to the worker's log, without anybody's text."""
    try:
        return await handler(request)
    except PetraError as error:
        return web.json_response(_problem(error), status=_status(error))
    except web.HTTPException as error:
        detail = {"message": error.reason, "type": "invalid_request_error", "code": str(error.status)}
        return web.json_response({"error": detail}, status=error.status)
    except Exception as error:  # the last resort of every request
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(f"{type(error).__name__} in {where.name}, {where.filename}:{where.lineno}\n")
        detail = {"message": "The worker failed on this request", "type": "server_error", "code": "internal"}
        return web.json_response({"error": detail}, status=500)


def _guard(door: Door) -> Any:
    """Refuse a foreign Host (DNS rebinding) and, where there is a token, who does not have it."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if door.hosts is not None and request.headers.get("Host", "").lower() not in door.hosts:
            raise NotAllowed("This worker does not answer to that Host")
        if door.token is not None:
            given = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not hmac.compare_digest(given.encode(), door.token.encode()):
                raise NotAuthenticated("The token is missing or wrong")
        return await handler(request)

    return guard


class _Common:
    """What every worker answers."""

    def __init__(self, engine: Engine, counts: Counts) -> None:
        self._engine = engine
        self._counts = counts

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "model": self._engine.name, **self._engine.health()})

    async def models(self, _: web.Request) -> web.Response:
        meta = {"n_ctx": self._engine.health()["context"]}
        item = {"id": self._engine.name, "object": "model", "created": 0, "owned_by": "petra", "meta": meta}
        return web.json_response({"object": "list", "data": [item]})

    async def tokenize(self, request: web.Request) -> web.Response:
        """`content` as one text → its `tokens`; as a list → the `counts` of each."""
        content = requests.body(await request.read()).get("content")
        found = await self._engine.tokenize(requests.texts(content, "content", 100_000))
        if isinstance(content, str):
            return web.json_response({"tokens": found[0]})
        return web.json_response({"counts": [len(tokens) for tokens in found]})

    async def metrics(self, _: web.Request) -> web.Response:
        lines = [
            f'petra_worker_requests_total{{route="{route}"}} {number}'
            for route, number in sorted(self._counts.requests.items())
        ]
        lines.append(f"petra_worker_prompt_tokens_total {self._counts.prompt_tokens}")
        lines.append(f"petra_worker_completion_tokens_total {self._counts.completion_tokens}")
        for name, value in self._engine.health().items():
            if isinstance(value, int | float):
                lines.append(f"petra_worker_{name} {float(value)}")
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


@dataclass(frozen=True)
class _Shape:
    """How chat and plain completions differ on the wire."""

    prefix: str
    whole: str
    part: str

    def piece(self, text: str) -> dict[str, Any]:
        return {"delta": {"content": text}} if self.prefix == "chatcmpl" else {"text": text}

    def text(self, text: str) -> dict[str, Any]:
        if self.prefix == "chatcmpl":
            return {"message": {"role": "assistant", "content": text}}
        return {"text": text}


CHAT = _Shape("chatcmpl", "chat.completion", "chat.completion.chunk")
PLAIN = _Shape("cmpl", "text_completion", "text_completion")


class _Writes:
    """Answers, streamed or whole."""

    def __init__(self, engine: ChatEngine, counts: Counts) -> None:
        self._engine = engine
        self._counts = counts

    async def chat(self, request: web.Request) -> web.StreamResponse:
        data = requests.body(await request.read())
        return await self._answer(request, data, self._engine.generate(requests.chat(data)), CHAT)

    async def completion(self, request: web.Request) -> web.StreamResponse:
        data = requests.body(await request.read())
        return await self._answer(request, data, self._engine.generate(requests.completion(data)), PLAIN)

    async def _answer(
        self, request: web.Request, data: dict[str, Any], events: AsyncGenerator[Event], shape: _Shape
    ) -> web.StreamResponse:
        """When the client goes away the handler is cancelled, which closes `events`: that is a cancel."""
        _count(self._counts, request.path)
        head = {
            "id": f"{shape.prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self._engine.name,
        }
        async with aclosing(events):
            # The first event before the headers, so that a refusal still has its status.
            first = await anext(events)
            if data.get("stream"):
                with_usage = bool((data.get("stream_options") or {}).get("include_usage"))
                return await self._stream(request, first, events, head, shape, with_usage)
            return await self._whole(first, events, head, shape)

    async def _whole(
        self, first: Event, events: AsyncGenerator[Event], head: dict[str, Any], shape: _Shape
    ) -> web.Response:
        text, reason = "", "stop"
        event = first
        while not isinstance(event, Ended):
            reason = event.reason if isinstance(event, Stopped) else reason
            text += event.text if isinstance(event, Piece) else ""
            event = await anext(events)
        choice = {"index": 0, "finish_reason": reason, "logprobs": None, **shape.text(text)}
        usage = self._usage(event)
        return web.json_response({**head, "object": shape.whole, "choices": [choice], "usage": usage})

    async def _stream(
        self,
        request: web.Request,
        first: Event,
        events: AsyncGenerator[Event],
        head: dict[str, Any],
        shape: _Shape,
        with_usage: bool,
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        head = {**head, "object": shape.part}
        event = first
        try:
            while not isinstance(event, Ended):
                if isinstance(event, Piece):
                    choice = {"index": 0, **shape.piece(event.text), "finish_reason": None}
                    await _send(response, {**head, "choices": [choice]})
                elif isinstance(event, Waiting):
                    place = {"position": event.position, "estimate_s": event.estimate_s}
                    await _send(response, place, name="queue")
                elif isinstance(event, Stopped):
                    last = {"index": 0, **shape.piece(""), "finish_reason": event.reason}
                    await _send(response, {**head, "choices": [last]})
                event = await anext(events)
        except PetraError as error:
            await _send(response, _problem(error))
            return response
        usage = self._usage(event)
        if with_usage:
            await _send(response, {**head, "choices": [], "usage": usage})
        await response.write(b"data: [DONE]\n\n")
        return response

    def _usage(self, ended: Ended) -> dict[str, Any]:
        self._counts.prompt_tokens += ended.prompt_tokens
        self._counts.completion_tokens += ended.completion_tokens
        return {
            "prompt_tokens": ended.prompt_tokens,
            "completion_tokens": ended.completion_tokens,
            "total_tokens": ended.prompt_tokens + ended.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": ended.reused_tokens},
        }


class _Embeds:
    """Vectors, as numbers or as the base64 of little-endian float32 (a third of the size, no parsing)."""

    def __init__(self, engine: Embedder, counts: Counts) -> None:
        self._engine = engine
        self._counts = counts

    async def embeddings(self, request: web.Request) -> web.Response:
        _count(self._counts, request.path)
        data = requests.body(await request.read())
        texts = requests.texts(data.get("input"), "input")
        form = data.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise BadRequest(f"encoding_format is {form!r}", cause="Possible: float, base64")
        if not texts:
            raise BadRequest("input is empty")
        vectors = await self._engine.embed(texts)
        items = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(row.astype("<f4").tobytes()).decode()
                if form == "base64"
                else [float(number) for number in row],
            }
            for index, row in enumerate(vectors)
        ]
        return web.json_response({"object": "list", "model": self._engine.name, "data": items, "usage": {}})


async def _send(response: web.StreamResponse, data: dict[str, Any], name: str | None = None) -> None:
    text = f"event: {name}\n" if name else ""
    await response.write(f"{text}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode())


def _count(counts: Counts, route: str) -> None:
    counts.requests[route] = counts.requests.get(route, 0) + 1


def _status(error: PetraError) -> int:
    # What OpenAI's own API answers to a prompt that is too long.
    return 400 if isinstance(error, TooLarge) else error.status


def _problem(error: PetraError) -> dict[str, Any]:
    code = "context_length_exceeded" if isinstance(error, TooLarge) else error.code
    message = ". ".join(text for text in (error.what, error.cause) if text)
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": code, "status": _status(error)}}
