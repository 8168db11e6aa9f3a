"""Who may still join the queue."""

from __future__ import annotations

from collections import Counter

from petra.errors import Busy
from petra.inference.worker.options import Limits


def refuse_when_full(
    limits: Limits, user: str | None, waiting: Counter[str | None], active: int, n: int = 1
) -> None:
    """Raise Busy when with `n` more too many answers would wait, of all or of this person (the endpoint's
    owner has no cap).

    `waiting` counts by person the answers that are not `active` yet, those that are being tokenised
    included: a burst must not pass before the first of it is queued.
    """
    free = max(limits.places - active, 0)
    if _too_many(waiting.total(), n, free, limits.places, limits.queue):
        raise Busy(
            "The model's queue is full",
            cause=f"{waiting.total()} answers are waiting",
            remedy="Ask again in a moment",
        )
    most, share = min(limits.places, limits.per_person), limits.queue_per_person
    own = min(free, most)
    if user is not None and _too_many(waiting[user], n, own, most, share):
        raise Busy(
            "Too many of your questions are waiting",
            cause=f"There are {waiting[user]}, and one person may have {own + share}",
            remedy="Wait for an answer, or cancel one",
        )


def _too_many(waiting: int, n: int, free: int, places: int, queue: int) -> bool:
    """Whether `n` more do not fit. Who wants more than ever fits has to wait until nobody else is there,
    and not for ever."""
    return waiting + min(n, places + queue) > free + queue
