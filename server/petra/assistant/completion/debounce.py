"""How long to wait for the next keystroke before the model is asked: the slower it is, the longer. Pure."""

from __future__ import annotations

SHORTEST, FIRST, LONGEST = 0.03, 0.12, 0.4
PART = 0.25
"""Of the time that an answer takes: so much work is thrown away at most in vain."""
WEIGHT = 0.3
"""Of the newest measurement."""


class Debounce:
    """Adapts to what answers took."""

    def __init__(self) -> None:
        self._usual: float | None = None

    @property
    def seconds(self) -> float:
        """To wait now."""
        if self._usual is None:
            return FIRST
        return min(max(self._usual * PART, SHORTEST), LONGEST)

    def took_at_least(self, seconds: float) -> None:
        """Nobody waited for an answer any longer."""
        if self._usual is None or seconds > self._usual:
            self.took(seconds)

    def took(self, seconds: float) -> None:
        """An answer took so long."""
        if self._usual is None:
            self._usual = seconds
        else:
            self._usual += WEIGHT * (seconds - self._usual)
