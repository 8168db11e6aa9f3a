"""Params of Petra's own methods, out of JSON values.

Names are written as LSP writes them (`maxTokens`) or as the other doors have them (`max_tokens`). What
is not known is ignored, because an editor may be newer than its server; what has a wrong type is refused.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import attrs

from petra.errors import BadRequest
from petra.messages import from_wire

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Document:
    """A document by its URI."""

    uri: str


@attrs.frozen(kw_only=True)
class Position:
    """A place between two characters, both counted from 0, in the unit that was agreed on."""

    line: int
    character: int


@attrs.frozen(kw_only=True)
class Range:
    """What is between two places."""

    start: Position
    end: Position


def read(cls: type[T], params: Any) -> T:
    """The params as an object of the attrs class `cls`. Raises BadRequest."""
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise BadRequest("The params have to be an object")
    return from_wire(cls, _known(cls, params))


def _known(cls: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The values that `cls` has a field for, under the names of its fields."""
    known: dict[str, Any] = {}
    for name, camel, inner in _fields(cls):
        value = params.get(camel)
        value = params.get(name) if value is None else value
        known[name] = _known(inner, value) if inner and isinstance(value, dict) else value
    return known


@cache
def _fields(cls: Any) -> tuple[tuple[str, str, Any], ...]:
    """Name, name in LSP and, where it is one, attrs class of each field."""
    return tuple((name, camel(name), _inner(hint)) for name, hint in get_type_hints(cls).items())


def _inner(hint: Any) -> Any:
    return next((kind for kind in (hint, *get_args(hint)) if attrs.has(kind)), None)


def camel(name: str) -> str:
    """A name as LSP writes it."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
