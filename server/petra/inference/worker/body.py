"""The JSON body of a request."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import hdrs, web

from petra.errors import BadRequest

# More bytes than this would hold the event loop, and with it everybody's answers, for 10 ms.
LARGE = 1 << 20
ARRIVAL_SECONDS = 60.0
# Python's lock is held while JSON is read, in whatever thread: 16 MiB of `[]` stopped a worker for 4 s.
# So many values take 3 to 15 ms.
MOST_VALUES = 50_000


async def read(request: web.Request) -> dict[str, Any]:
    """A request's body. Raises BadRequest for anything that is no JSON object, is compressed, or takes too
    long to arrive: what is there of it holds memory."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise BadRequest("The request's body is compressed", remedy="Send it as it is")
    try:
        async with asyncio.timeout(ARRIVAL_SECONDS):
            raw = await request.read()
    except TimeoutError as error:
        raise BadRequest(
            "The request's body did not arrive in time", cause=f"It may take {ARRIVAL_SECONDS:.0f} s"
        ) from error
    return await asyncio.to_thread(parse, raw) if len(raw) > LARGE else parse(raw)


def parse(raw: bytes) -> dict[str, Any]:
    """A JSON object. Raises BadRequest for anything else, NaN and lone surrogates included."""
    if len(raw) > MOST_VALUES and _too_many(raw):
        raise BadRequest(
            "The request's body has too many parts",
            cause=f"At most {MOST_VALUES} values are taken at once",
            remedy="Send fewer messages or texts",
        )
    try:
        data = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise BadRequest("The request's body is not valid JSON", cause=str(error)[:200]) from error
    if not isinstance(data, dict):
        raise BadRequest("The request's body is not a JSON object")
    return data


def _too_many(raw: bytes) -> bool:
    """Whether JSON has more than MOST_VALUES values, found without reading it.

    A comma or a bracket stands before every value but the first. Those in strings count only where there are
    too many of them otherwise: a source file has thousands."""
    if _signs(raw) <= MOST_VALUES:
        return False
    # Without what is escaped every quotation mark begins or ends a string. (A backslash outside of them is
    # an error, and nothing behind it is read.)
    parts = raw.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"', 2 * MOST_VALUES)
    return len(parts) > 2 * MOST_VALUES or _signs(b"".join(parts[::2])) > MOST_VALUES


def _signs(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
