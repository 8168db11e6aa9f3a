"""The one line by which a worker tells its supervisor why it cannot start."""

from __future__ import annotations

import json
from dataclasses import dataclass

from petra.errors import PetraError

CANNOT_START = 3
"""Exit status of a worker that has reported."""

_MARK = "petra-worker-error: "


@dataclass(frozen=True)
class Report:
    """An error as text."""

    code: str
    what: str
    cause: str
    remedy: str


def line(error: PetraError) -> str:
    """The line for an error, with its end."""
    return _MARK + json.dumps(error.as_values()) + "\n"


def parse(text: str) -> Report | None:
    """The report in a line of a worker's output, None for any other line."""
    if not text.startswith(_MARK):
        return None
    try:
        values = json.loads(text.removeprefix(_MARK))
        return Report(*(str(values[name]) for name in ("code", "what", "cause", "remedy")))
    except (ValueError, KeyError, TypeError):
        return None
