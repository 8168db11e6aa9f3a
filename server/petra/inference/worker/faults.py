"""The errors of answers that were already admitted."""

from __future__ import annotations

import sys
import traceback

from petra.errors import ModelUnavailable


def failure(cause: str) -> ModelUnavailable:
    """The model could not go on with an answer."""
    return ModelUnavailable(
        "The model failed on this request", cause=cause, remedy="Ask again, or ask a shorter question"
    )


def too_slow(seconds: float) -> ModelUnavailable:
    """The time of an answer is over, and it has not begun."""
    return ModelUnavailable(
        "The model could not read the question in time",
        cause=f"An answer may take {seconds:.0f} s, and its prompt took all of it",
        remedy="Ask a shorter question, select less, or ask again when the machine is less busy",
    )


def unforeseen(error: Exception) -> ModelUnavailable:
    """A fault of the program's own: where it happened goes to the log, nobody's text does."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    sys.stderr.write(f"{type(error).__name__} in {where.name}, {where.filename}:{where.lineno}\n")
    return failure(type(error).__name__)
