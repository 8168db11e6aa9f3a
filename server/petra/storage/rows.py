"""Between rows and frozen dataclasses, and between long lists of ids and statements of bounded size."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import CursorResult

R = TypeVar("R")
T = TypeVar("T")

BATCH = 500
"""Ids in one statement: below SQLite's oldest limit of 999 variables, and few enough rows that turning
them into dataclasses does not hold the event loop."""


def new_id() -> str:
    """A random id, 32 hexadecimal digits."""
    return uuid.uuid4().hex


def now() -> float:
    """UTC seconds since the epoch."""
    return time.time()


def one(cls: type[R], result: CursorResult[Any]) -> R | None:
    """The first row as a `cls`, whose fields are named as the columns are."""
    row = result.mappings().first()
    return cls(**row) if row else None


def many(cls: type[R], result: CursorResult[Any]) -> list[R]:
    """All rows, each as a `cls`."""
    return [cls(**row) for row in result.mappings()]


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """`items` in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
