"""Errors as OpenAI writes them."""

from __future__ import annotations

import sys
import traceback
from typing import Any

from petra.errors import PetraError, TooLarge


def status(error: PetraError) -> int:
    """The HTTP status of an error."""
    # What OpenAI's own API answers to a prompt that is too long.
    return 400 if isinstance(error, TooLarge) else error.status


def body(error: PetraError) -> dict[str, Any]:
    """An error that is written for people: what and why, its code, and its status once more for streams."""
    code = "context_length_exceeded" if isinstance(error, TooLarge) else error.code
    message = ". ".join(text for text in (error.what, error.cause) if text)
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": code, "status": status(error)}}


def refusal(reason: str, code: int) -> dict[str, Any]:
    """An error of HTTP itself."""
    return {"error": {"message": reason, "type": "invalid_request_error", "code": str(code), "status": code}}


def unforeseen(error: Exception) -> dict[str, Any]:
    """The body for a mistake in the worker. Where it happened goes to the log, nobody's text does."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(f"{type(error).__name__} in {where.name}, {where.filename}:{where.lineno}\n")
    message = "The worker failed on this request"
    return {"error": {"message": message, "type": "server_error", "code": "internal", "status": 500}}
