"""How much of the machine nobody uses."""

from __future__ import annotations

import psutil


class IdleCores:
    """Cores that were idle on average since the last question."""

    def __init__(self) -> None:
        self._last = psutil.cpu_times()

    def __call__(self) -> float:
        """As a number of cores, 0 when asked again at once."""
        before, now = self._last, psutil.cpu_times()
        passed = sum(now) - sum(before)
        if passed <= 0:
            return 0.0
        self._last = now
        return float((now.idle - before.idle) / passed * (psutil.cpu_count() or 1))
