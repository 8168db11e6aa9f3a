"""The wire messages that LSP, WebSocket, HTTP and the shell share.

One answer is a sequence of parts `{id, seq, part}`; `seq` starts at 0 and has no gaps, so a client
that lost its connection asks for what it missed. `to_wire` turns a message into JSON values (a field
that is None is left out); `from_wire` reads one and refuses what does not fit. TypeScript is generated
from this file by `web/generate_types.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal, NewType, TypeVar, Union, get_args, get_origin

import attrs
import cattrs

from petra.errors import BadRequest, Cancelled, PetraError

Span = tuple[int, int]
SourceKind = Literal["cited", "supported", "retrieved"]
PlaceUnit = Literal["slide", "sheet", "cell", "chapter", "part"]
Mode = Literal["ask", "qa", "explain", "fix", "test", "document", "review"]
"""What is to be done with the question; `qa` is what the plain chat contract calls `ask`."""

Rating = Literal["up", "down"]
Stage = Literal["queued", "retrieving", "reading", "writing"]
FinishReason = Literal["stop", "length", "cancelled", "interrupted", "nothing_found", "error"]


@attrs.frozen(kw_only=True)
class Source:
    """A passage of the prompt and what the check found out about it.

    Sent as `retrieved` before the first token, and once more with its final kind when the answer is
    complete; a later source with the same `n` replaces the earlier one. `pages` and `lines` are first
    and last, counted from 1, both inclusive; exactly one of them is given for a file that has it.
    `unit` is what its pages are called when they are not pages.
    """

    n: int
    kind: SourceKind
    document_id: str
    document: str
    quote: str
    score: float
    pages: Span | None = None
    lines: Span | None = None
    unit: PlaceUnit | None = None
    header: str | None = None
    path: str | None = None


@attrs.frozen(kw_only=True)
class Usage:
    """What the answer cost. Milliseconds are counted from the arrival of the question."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    ttft_ms: float | None = None
    total_ms: float


@attrs.frozen(kw_only=True)
class Error:
    """A `petra.errors.PetraError` on the wire."""

    code: str
    what: str
    cause: str = ""
    remedy: str = ""
    retryable: bool = False


@attrs.frozen
class Status:
    """How far the answer is: `message` says it for people, and every door shows that.

    `position` is its place while it waits in the model's queue; 0 is next.
    """

    kind: Literal["status"] = attrs.field(default="status", init=False)
    stage: Stage = "queued"
    message: str = ""
    position: int | None = None
    estimate_s: float | None = None


@attrs.frozen
class Text:
    """A piece of the answer, to append."""

    kind: Literal["text"] = attrs.field(default="text", init=False)
    text: str = ""


@attrs.frozen
class SourcePart:
    """A source, new or (with an `n` that was sent before) changed."""

    kind: Literal["source"] = attrs.field(default="source", init=False)
    source: Source


@attrs.frozen
class UsagePart:
    """The cost, sent once, before `done`."""

    kind: Literal["usage"] = attrs.field(default="usage", init=False)
    usage: Usage


@attrs.frozen
class ErrorPart:
    """What went wrong; the text that was sent before it stays valid."""

    kind: Literal["error"] = attrs.field(default="error", init=False)
    error: Error


@attrs.frozen(kw_only=True)
class Done:
    """The last part of every answer, whatever became of it."""

    kind: Literal["done"] = attrs.field(default="done", init=False)
    conversation_id: str
    message_id: str
    finish_reason: FinishReason


Part = Union[Status, Text, SourcePart, UsagePart, ErrorPart, Done]
PARTS: dict[str, type[Any]] = {attrs.fields(cls).kind.default: cls for cls in get_args(Part)}


@attrs.frozen
class StreamItem:
    """One part of the answer `id` (the id of its message)."""

    id: str
    seq: int
    part: Part


@attrs.frozen(kw_only=True)
class AskRequest:
    """A question, from whichever door it came.

    `collections` are names; none means all that the person may read. `path` limits the search to a
    file or folder below a collection's root. `mentions` name files and symbols, as `@name` in the
    question does: their passages come first.

    `selection` is text the person has marked, `file_path` the file it is from, `lines` where it stands
    there (first and last, from 1): all are quoted in the prompt as given. `document` is the whole text
    of that file as an editor has it; it is quoted as far as it fits when nothing is marked. A question may
    be empty where a `mode` says what to do with a selection or document.

    `model` is one that the endpoint serves, `top_k` how many passages are looked at, `max_tokens` counts
    the model's own tokens.
    """

    question: str
    conversation_id: str | None = None
    collections: tuple[str, ...] | None = None
    path: str | None = None
    mentions: tuple[str, ...] | None = None
    selection: str | None = None
    document: str | None = None
    file_path: str | None = None
    lines: Span | None = None
    mode: Mode = "ask"
    model: str | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None


@attrs.frozen(kw_only=True)
class Answer:
    """A whole answer, for callers that do not stream."""

    id: str
    conversation_id: str
    answer: str
    sources: tuple[Source, ...]
    usage: Usage | None
    finish_reason: FinishReason
    error: Error | None = None


Token = NewType("Token", object)
"""Under which an editor follows the progress of a request: text or a whole number, as it likes."""

T = TypeVar("T")


def _text(value: Any, _: type[str]) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, not {type(value).__name__}")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("the text has a NUL or a lone surrogate")
    return value


def _whole(value: Any, _: type[int]) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected a whole number, not {type(value).__name__}")
    return value


def _flag(value: Any, _: type[bool]) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, not {type(value).__name__}")
    return value


def _token(value: Any, _: Any) -> Token:
    if not isinstance(value, int | str) or isinstance(value, bool):
        raise ValueError("expected text or a whole number")
    return Token(value)


def _number(value: Any, _: type[float]) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("expected a finite number")
    return float(value)


def _row(value: Any, cls: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list, not {type(value).__name__}")
    kinds = get_args(cls)
    if kinds[-1] is Ellipsis:
        return tuple(_converter.structure(item, kinds[0]) for item in value)
    if len(value) != len(kinds):
        raise ValueError(f"expected {len(kinds)} items, not {len(value)}")
    return tuple(_converter.structure(item, kind) for item, kind in zip(value, kinds, strict=True))


_converter = cattrs.Converter(forbid_extra_keys=True)
_converter.register_structure_hook_func(
    lambda cls: get_origin(cls) is tuple,  # type: ignore[comparison-overlap]
    lambda value, cls: _row(value, cls),
)
# cattrs turns 5 into "5" and "5" into 5 unless told otherwise; what arrives here is hostile.
_converter.register_structure_hook(str, _text)
_converter.register_structure_hook(int, _whole)
_converter.register_structure_hook(float, _number)
_converter.register_structure_hook(bool, _flag)
_converter.register_structure_hook(Token, _token)


def to_wire(message: Any) -> dict[str, Any]:
    """A message as values that `json.dumps` takes, without the fields that are None."""
    return attrs.asdict(message, filter=lambda _, value: value is not None)


def from_wire(cls: type[T], data: Any) -> T:
    """Read a request from JSON values; null means the same as leaving the field out.

    Raises BadRequest naming each field that does not fit.
    """
    if not isinstance(data, dict):
        raise BadRequest("The request is not a JSON object", remedy="Send an object")
    given = {key: value for key, value in data.items() if value is not None}
    try:
        return _converter.structure(given, cls)
    except Exception as error:
        reasons = "; ".join(cattrs.transform_error(error))
        raise BadRequest("The request has fields that do not fit", cause=reasons) from error


def part_from_wire(data: Any) -> Part:
    """The inverse of `to_wire` for a part. Raises BadRequest for an unknown kind."""
    kind = data.get("kind") if isinstance(data, dict) else None
    cls = PARTS.get(str(kind))
    if cls is None:
        raise BadRequest(f"There is no part of kind {kind!r}")
    part: Part = from_wire(cls, {key: value for key, value in data.items() if key != "kind"})
    return part


def error_to_wire(error: PetraError) -> Error:
    """The message for an error."""
    return Error(**error.as_values())  # type: ignore[arg-type]


def collect(items: Sequence[StreamItem]) -> Answer:
    """The whole answer from all its parts. Raises Cancelled when they stop before `done`."""
    text, usage, error = "", None, None
    sources: dict[int, Source] = {}
    for item in items:
        match item.part:
            case Text(text=piece):
                text += piece
            case SourcePart(source=source):
                sources[source.n] = source
            case UsagePart(usage=cost):
                usage = cost
            case ErrorPart(error=problem):
                error = problem
            case Done(conversation_id=conversation_id, finish_reason=reason):
                return Answer(
                    id=item.id,
                    conversation_id=conversation_id,
                    answer=text,
                    sources=tuple(sources[n] for n in sorted(sources)),
                    usage=usage,
                    finish_reason=reason,
                    error=error,
                )
    raise Cancelled("The answer was stopped before it was complete")
