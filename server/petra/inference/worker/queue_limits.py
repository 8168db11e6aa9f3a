"""Who may still join the queue."""

from __future__ import annotations

from collections import Counter

from petra.errors import Busy
from petra.inference.worker.options import Limits


def refuse_when_full(limits: Limits, user: str | None, waiting: Counter[str | None], active: int) -> None:
    """Raise Busy when too many answers wait, of all or of this person (the endpoint's owner has no cap).

    `waiting` counts by person the answers that are not `active` yet, those that are being tokenised
    included: a burst must not pass before the first of it is queued.
    """
    free = max(limits.places - active, 0)
    if waiting.total() >= limits.queue + free:
        raise Busy(
            "The model's queue is full",
            cause=f"{waiting.total()} answers are waiting",
            remedy="Ask again in a moment",
        )
    own = min(free, limits.per_person) + limits.queue_per_person
    if user is not None and waiting[user] >= own:
        raise Busy(
            "Too many of your questions are waiting",
            cause=f"There are {waiting[user]}, and one person may have {own}",
            remedy="Wait for an answer, or cancel one",
        )
