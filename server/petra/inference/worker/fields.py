"""The fields of a JSON body from outside, one by one: what has the wrong type or size is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from petra.errors import BadRequest


class Fields:
    """The fields of a body. A field that is null counts as left out. All readers raise BadRequest."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data

    def get(self, name: str) -> Any:
        """The value as it is, None when there is none."""
        return self._data.get(name)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self.get(name)
        return default if value is None else number(value, name, low, high)

    def whole(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadRequest(f"{name} has to be a whole number")
        if not low <= value <= high:
            raise BadRequest(f"{name} is {value}"[:80], cause=f"It has to be between {low} and {high}")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise BadRequest(f"{name} has to be true or false")
        return value

    def text(self, name: str, longest: int | None = None) -> str | None:
        """A text of at most `longest` characters."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise BadRequest(f"{name} has to be a text")
        if longest is not None and len(value) > longest:
            raise BadRequest(f"{name} has {len(value)} characters", cause=f"At most {longest} are taken")
        return value

    def needed_text(self, name: str) -> str:
        """A text that has to be there; it may be empty."""
        value = self.text(name)
        if value is None:
            raise BadRequest(f"{name} has to be a text")
        return value

    def texts(self, name: str, most: int, longest: int | None = None) -> list[str]:
        """One text or a list of at most `most`; an empty list when there is none."""
        value = self.get(name)
        items = [value] if isinstance(value, str) else [] if value is None else value
        if isinstance(items, list) and len(items) > most:
            raise BadRequest(f"{name} has {len(items)} texts", cause=f"At most {most} are taken at once")
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise BadRequest(f"{name} has to be a text or a list of texts")
        if longest is not None and any(len(item) > longest for item in items):
            raise BadRequest(f"{name} has too long a text", cause=f"At most {longest} characters are taken")
        return items

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """An object."""
        value = self.get(name)
        if value is not None and not isinstance(value, dict):
            raise BadRequest(f"{name} has to be an object")
        return value


def number(value: Any, name: str, low: float, high: float) -> float:
    """A value that has to be a number from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f"{name} has to be a number")
    # Python compares whole numbers of any size exactly; made into a float, a large one would overflow.
    if not low <= value <= high or not math.isfinite(value):
        raise BadRequest(f"{name} is {value}"[:80], cause=f"It has to be between {low} and {high}")
    return float(value)
