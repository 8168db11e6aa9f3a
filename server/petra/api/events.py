"""An answer as server-sent events: each `data:` one `StreamItem`, its `id:` the `seq` to resume after."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import hdrs, web

from petra.api.keys import ASSISTANT
from petra.api.routes import identity
from petra.messages import StreamItem, to_wire

BEAT = 15.0
"""Seconds of silence after which a comment shows proxies and clients that the stream lives."""

WRITE_DEADLINE = 30.0
"""Seconds a client may leave its end unread before it is dropped."""


async def stream(request: web.Request, answer_id: str, after_seq: int) -> web.StreamResponse:
    """Send the parts of `answer_id` after `after_seq` until `done`. Raises NotFound before the first byte.

    When the client goes, following ends and the assistant's grace period begins.
    """
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
            "X-Answer-Id": answer_id,
            "X-Accel-Buffering": "no",
        }
    )
    async with aclosing(
        _beating(request.app[ASSISTANT].follow(identity(request), answer_id, after_seq))
    ) as items:
        # Until the first part (or beat) nothing is sent, so that an unknown answer is a plain 404.
        first = await anext(items, None)
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return response
        if first is not None:
            await _send(response, first)
        async for item in items:
            await _send(response, item)
    await response.write_eof()
    return response


async def _send(response: web.StreamResponse, item: StreamItem | str) -> None:
    text = item if isinstance(item, str) else f"id: {item.seq}\ndata: {_json(item)}\n\n"
    async with asyncio.timeout(WRITE_DEADLINE):
        await response.write(text.encode())


def _json(item: StreamItem) -> str:
    return json.dumps(to_wire(item), ensure_ascii=False, separators=(",", ":"))


async def _beating(items: AsyncGenerator[StreamItem]) -> AsyncGenerator[StreamItem | str]:
    """`items`, with a comment line wherever nothing came for `BEAT` seconds."""
    following = asyncio.ensure_future(anext(items))
    try:
        while True:
            done, _ = await asyncio.wait({following}, timeout=BEAT)
            if not done:
                yield ": still here\n\n"
                continue
            try:
                item = following.result()
            except StopAsyncIteration:
                return
            yield item
            following = asyncio.ensure_future(anext(items))
    finally:
        following.cancel()
        await asyncio.wait({following})
        await items.aclose()
