"""What an endpoint says went wrong, as an error for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from petra.errors import BadRequest, Busy, ModelUnavailable, PetraError, TooLarge


def from_response(status: int, body: str) -> PetraError:
    """The error behind a response that is not 200. Its text is the endpoint's, cut to a line."""
    try:
        data = json.loads(body)
    except ValueError:
        data = {}
    return _error(status, _detail(data), body)


def from_stream(data: Mapping[str, Any]) -> PetraError:
    """The error that a stream reports after its 200."""
    detail = _detail(data)
    code = detail.get("code")
    status = code if isinstance(code, int) else int(detail.get("status") or 500)
    return _error(status, detail, str(detail.get("message") or ""))


def unreachable(address: str, error: BaseException) -> ModelUnavailable:
    """For a connection that was refused, reset or cut off."""
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        return ModelUnavailable(
            "The model stopped in the middle of the answer",
            cause="Its process or its connection has ended",
            remedy="Ask again; the text so far is kept",
        )
    return ModelUnavailable(
        "The model does not answer",
        cause=f"The connection to {_shown(address)} failed: {str(error) or type(error).__name__}",
        remedy="Ask again in a moment; if it stays so, see the server's log",
    )


def _detail(data: Any) -> Mapping[str, Any]:
    detail = data.get("error") if isinstance(data, Mapping) else None
    if isinstance(detail, Mapping):
        return detail
    return {"message": detail} if isinstance(detail, str) else (data if isinstance(data, Mapping) else {})


def _error(status: int, detail: Mapping[str, Any], body: str) -> PetraError:
    message = str(detail.get("message") or body).strip().split("\n")[0][:300]
    kind = f"{detail.get('code')} {detail.get('type')}"
    if ("context" in kind and ("length" in kind or "exceed" in kind)) or status == 413:
        return TooLarge(
            "The prompt does not fit into the model's context",
            cause=message,
            remedy="Ask a shorter question, select less, or choose a model with a longer context",
        )
    if status in (401, 403):
        return ModelUnavailable(
            "The model's server refuses Petra's token", cause=message, remedy="Check MODEL_TOKEN"
        )
    if status == 429:
        return Busy("The model is busy", cause=message, remedy="Ask again in a moment")
    if status == 404:
        return ModelUnavailable(
            "The model's server does not know this request",
            cause=message,
            remedy="Check the address and the name of the model",
        )
    if 400 <= status < 500:
        return BadRequest("The model refused the request", cause=message)
    return ModelUnavailable("The model failed", cause=message, remedy="Ask again; see the server's log")


def _shown(address: str) -> str:
    """An address without a password that somebody may have put in it."""
    scheme, at, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if at else address
