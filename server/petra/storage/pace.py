"""How fast something goes, of late. Pure."""

from __future__ import annotations

from collections import deque

WINDOW = 20.0
"""Seconds that count as of late."""


class Pace:
    """Units a second over the last `WINDOW` seconds of reports."""

    def __init__(self, now: float) -> None:
        self._reports = deque([(now, 0)])

    def report(self, now: float, done: int) -> float | None:
        """Take a report, and give the pace; None while nothing was done in the window."""
        if done < self._reports[-1][1]:  # it began anew
            self._reports.clear()
        self._reports.append((now, done))
        while len(self._reports) > 2 and self._reports[1][0] <= now - WINDOW:
            self._reports.popleft()
        since, before = self._reports[0]
        seconds = now - since
        return (done - before) / seconds if seconds > 0 and done > before else None
