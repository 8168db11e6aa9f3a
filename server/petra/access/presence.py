"""Who is connected, so that a server started by a client knows when nobody needs it any more."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from petra import telemetry


class Presence:
    """Counts open sessions (sockets, streams, requests) and remembers when the last one ended."""

    def __init__(self) -> None:
        self._open = 0
        self._last = time.monotonic()

    @contextmanager
    def session(self, door: str) -> Iterator[None]:
        """Hold one session of `door` (`http`, `ws`, `lsp`) open for the length of the block."""
        self._open += 1
        telemetry.sessions.labels(door).inc()
        try:
            yield
        finally:
            self._open -= 1
            self._last = time.monotonic()
            telemetry.sessions.labels(door).dec()

    @property
    def open(self) -> int:
        """How many sessions are open."""
        return self._open

    def idle(self) -> float:
        """Seconds since the last session ended; 0 while one is open."""
        return 0.0 if self._open else time.monotonic() - self._last
