"""Which rows of which requests make the next batch. Pure: it computes nothing and knows no model."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Request = TypeVar("Request")

BATCH_SECONDS = 0.08
"""How long a batch may take: what somebody's question waits for at most."""


@dataclass(frozen=True, slots=True)
class Row(Generic[Request]):
    """Text number `index` of a request, `length` tokens long."""

    request: Request
    index: int
    length: int


@dataclass(frozen=True, slots=True)
class Batching:
    """How batches are cut: `least` to `most` tokens, for `threads` that compute one batch each. Requests
    of at most `short` tokens in all go ahead of the others."""

    least: int
    most: int
    threads: int = 1
    short: int = 0


class EmbedQueue(Generic[Request]):
    """Requests in two lines: short ones, which somebody waits for, and the others. A long one is served
    only while no short one waits, so a short one waits at most for a batch under way.

    A batch has at most `batch_tokens` tokens, padding included: what is computed is as wide as its
    longest row. (A row that is longer by itself goes alone.) That many are computed in BATCH_SECONDS, or
    fewer when little waits, so that every thread gets its part. Rows of a request go by length, so that
    little is padded; short requests of several people share a batch, in the order they came.
    """

    def __init__(self, batching: Batching) -> None:
        self._batching = batching
        self._short: deque[deque[Row[Request]]] = deque()
        self._long: deque[deque[Row[Request]]] = deque()
        self._waiting = 0
        self.batch_tokens = batching.least

    def add(self, request: Request, lengths: Sequence[int]) -> None:
        """Put a request in its line; `lengths` are the tokens of its rows, at least one."""
        line = self._short if sum(lengths) <= self._batching.short else self._long
        rows = [Row(request, index, length) for index, length in enumerate(lengths)]
        line.append(deque(sorted(rows, key=lambda row: row.length)))
        self._waiting += sum(lengths)

    def drop(self, request: Request) -> None:
        """Forget the rows of a request that still wait."""
        for line in (self._short, self._long):
            for rows in [rows for rows in line if rows[0].request is request]:
                line.remove(rows)
                self._waiting -= sum(row.length for row in rows)

    def take(self) -> list[Row[Request]]:
        """The next batch, taken out of the queue; empty when nothing waits."""
        share = max(self._waiting // self._batching.threads, self._batching.least)
        room = min(self.batch_tokens, share)
        batch = self._fill(self._short, room) or self._fill(self._long, room, requests=1)
        self._waiting -= sum(row.length for row in batch)
        return batch

    def computed(self, batch: Sequence[Row[Request]], seconds: float) -> None:
        """Learn from the time that a batch took. One that is half empty says more of what a batch costs
        beside its tokens, and is not counted."""
        tokens = len(batch) * max(row.length for row in batch)
        if 2 * tokens >= self.batch_tokens and seconds > 0:
            fitting = (self.batch_tokens + tokens / seconds * BATCH_SECONDS) / 2
            self.batch_tokens = int(min(max(fitting, self._batching.least), self._batching.most))

    def _fill(
        self, line: deque[deque[Row[Request]]], room: int, requests: int | None = None
    ) -> list[Row[Request]]:
        batch: list[Row[Request]] = []
        widest = 0
        while line and requests != 0:
            rows = line[0]
            while rows:
                widest = max(widest, rows[0].length)
                if batch and widest * (len(batch) + 1) > room:
                    return batch
                batch.append(rows.popleft())
            line.popleft()
            requests = None if requests is None else requests - 1
        return batch
