"""Where those who wait stand in the queue, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Iterable

from petra.inference.worker.engine import Waiting
from petra.inference.worker.ticket import Ticket

TELL_SECONDS = 0.25  # between two reports
WEIGHT = 0.2  # of the newest answer in a moving average


class Positions:
    """Tells readers their places when these have changed. For the generating thread."""

    def __init__(self) -> None:
        self._told = 0.0
        self._answer_seconds = 0.0

    @property
    def due(self) -> bool:
        """Whether the last report is old enough for another."""
        return time.monotonic() - self._told >= TELL_SECONDS

    def tell(self, in_turn: Iterable[Ticket], active: int) -> None:
        """Report to requests in the order of admission, once to each and to none that has begun, while
        `active` answers are under way."""
        self._told = time.monotonic()
        waiting = dict.fromkeys(ticket for ticket in in_turn if ticket.admitted is None)
        for position, ticket in enumerate(waiting):
            if ticket.place != position:
                ticket.place = position
                ticket.ready.append(Waiting(position, self._estimate(position, active)))

    def answered(self, ticket: Ticket) -> None:
        """A request is over: how long it took tells how long the next will."""
        if ticket.admitted and not ticket.gone:
            seconds = time.monotonic() - ticket.admitted
            known = self._answer_seconds or seconds
            self._answer_seconds = known + WEIGHT * (seconds - known)

    def _estimate(self, position: int, active: int) -> float | None:
        """Seconds until the turn of a place in the queue, None before anything was measured."""
        if not self._answer_seconds:
            return None
        return round((position + 1) * self._answer_seconds / max(active, 1), 1)
