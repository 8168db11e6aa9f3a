"""Reading numbers and words of a query string that may be hostile."""

from __future__ import annotations

from aiohttp import web

from petra.errors import BadRequest


def whole_number(request: web.Request, name: str, default: int, *, least: int = 0, most: int = 2**31) -> int:
    """The whole number `?name=`, or `default`. Raises BadRequest outside `least` to `most`."""
    given = request.query.get(name)
    if given is None:
        return default
    try:
        value = int(given[:12])
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise BadRequest(f"{name} is not a whole number from {least} to {most}", cause=f"It is {given!r:.40}")
    return value


def text(request: web.Request, name: str) -> str | None:
    """The text `?name=`, None when it is empty or not given. Raises BadRequest for what is no text."""
    given = request.query.get(name)
    if given and ("\0" in given or any("\ud800" <= char <= "\udfff" for char in given)):
        raise BadRequest(f"{name} has a NUL or a lone surrogate")
    return given or None


def names(request: web.Request, name: str) -> tuple[str, ...] | None:
    """The one name `?name=` as the scope of a search; None, for everything, when it is not given."""
    given = text(request, name)
    return None if given is None else (given,)
