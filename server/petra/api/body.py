"""Reading a JSON body (or frame) that may be hostile."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from aiohttp import web

from petra.api.failures import UnsupportedMediaType
from petra.errors import BadRequest
from petra.messages import from_wire

DEPTH = 32
"""Levels of nesting a request may have; none of ours has more than three."""

T = TypeVar("T")


async def read(request: web.Request, cls: type[T]) -> T:
    """The body as a message of type `cls`. Raises BadRequest, or TooLarge past BODY_LIMIT."""
    # A page of another site cannot send this type without asking first, which is refused.
    if request.content_type != "application/json":
        raise UnsupportedMediaType(
            f"The body is {request.content_type}, not JSON",
            remedy="Send it with Content-Type: application/json",
        )
    return from_wire(cls, parse(await request.read()))


def parse(content: bytes | str) -> Any:
    """JSON values of a body. Raises BadRequest for what is not strict, UTF-8 or flat enough."""
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise BadRequest("The body is not JSON", cause=str(error)) from error
    _check_depth(value)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEPTH:
            raise _too_deep()
        level = [
            item
            for holder in level
            if isinstance(holder, dict | list)
            for item in (holder.values() if isinstance(holder, dict) else holder)
        ]


def _too_deep() -> BadRequest:
    return BadRequest("The body is nested too deeply", cause=f"More than {DEPTH} levels")
