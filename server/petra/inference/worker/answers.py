"""Answers over HTTP: streamed as server-sent events, or whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web

from petra.errors import BadRequest, PetraError
from petra.inference.worker import problems, requests, wire
from petra.inference.worker.body import read
from petra.inference.worker.engine import Ended, Event, Generation, Piece, Stopped, Waiting
from petra.inference.worker.event_stream import EventStream
from petra.inference.worker.fields import Fields
from petra.inference.worker.registry import Model, Registry

Read = Callable[[Mapping[str, Any]], Generation]
MakeForm = Callable[[str, int], wire.Form]


class Answers:
    """The routes that write, over the chat models. A reader that takes nothing for `stall_s` seconds is
    cut off. When a client goes away its handler is cancelled, which closes the engine's generator: that is
    a cancel."""

    def __init__(self, models: Registry, stall_s: float) -> None:
        self._models = models
        self._stall_s = stall_s

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        return await self._answer(request, requests.chat, wire.ChatForm)

    async def completion(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions."""
        return await self._answer(request, requests.completion, wire.PlainForm)

    async def infill(self, request: web.Request) -> web.StreamResponse:
        """POST /infill, in llama-server's form."""
        return await self._answer(request, requests.infill, wire.InfillForm)

    async def _answer(self, request: web.Request, read_body: Read, make_form: MakeForm) -> web.StreamResponse:
        data = await read(request)
        delivery = requests.delivery(data)
        if requests.has_schema(data):
            # Making a grammar of a large schema may take long, and the others' answers must go on.
            generation = await asyncio.to_thread(read_body, data)
        else:
            generation = read_body(data)
        async with self._events(Fields(data).text("model"), generation) as (model, first, events):
            form = make_form(model.name, generation.n)
            if delivery.stream:
                return await self._stream(request, first, events, form, delivery.usage)
            return await _whole(first, events, form, generation)

    @asynccontextmanager
    async def _events(
        self, name: str | None, generation: Generation
    ) -> AsyncIterator[tuple[Model, Event, AsyncGenerator[Event]]]:
        """The model, and an answer's first event and the later ones: a refusal comes instead of the first,
        before there are headers, so that it still has its status."""
        async with self._models.use(name) as model:
            if generation.suffix is not None and not model.engine.infill:
                raise BadRequest(
                    "This model cannot fill in the middle",
                    cause="Its file has no tokens that mark a beginning, an end and what is between",
                    remedy="Choose a model that has learned it, or leave suffix out",
                )
            generation = replace(generation, adapter=model.adapter)
            async with aclosing(model.engine.generate(generation)) as events:
                yield model, await anext(events), events

    async def _stream(
        self,
        request: web.Request,
        first: Event,
        events: AsyncGenerator[Event],
        form: wire.Form,
        usage: bool,
    ) -> web.StreamResponse:
        stream = EventStream(request, self._stall_s)
        try:
            await stream.start(_written(first, form, usage))
            try:
                async for event in events:
                    stream.put(_written(event, form, usage))
                    if stream.full:
                        await stream.room()
            except (TimeoutError, ConnectionResetError):
                raise
            except PetraError as error:
                stream.put(wire.event(problems.body(error)))
            except Exception as error:  # its status is gone, but the reader must be told
                stream.put(wire.event(problems.unforeseen(error)))
            await stream.end()
        except ConnectionResetError:
            pass  # the reader has gone
        except TimeoutError:
            # It does not read, and what waits for it takes memory.
            if request.transport:
                request.transport.abort()
        return stream.response


def _written(event: Event, form: wire.Form, usage: bool) -> bytes:
    match event:
        case Piece():
            return form.piece(event)
        case Stopped():
            return form.stopped(event)
        case Waiting():
            return form.waiting(event)
        case Ended():
            return form.ended(event, usage=usage)


async def _whole(
    event: Event, events: AsyncGenerator[Event], form: wire.Form, generation: Generation
) -> web.Response:
    choices = [wire.Choice() for _ in range(generation.n)]
    while not isinstance(event, Ended):
        if isinstance(event, Piece):
            choices[event.index].text += event.text
            choices[event.index].logprobs += event.logprobs
        elif isinstance(event, Stopped):
            choices[event.index].reason = event.reason
        event = await anext(events)
    logprobs = generation.sampling.logprobs is not None
    return web.json_response(form.whole(choices, event, logprobs=logprobs))
