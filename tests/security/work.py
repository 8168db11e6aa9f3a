"""How the work that a regular expression has with a text grows with the text.

What is counted is this process's own time on the processor, in walks: what the plainest expression takes for
a text of `SIZE`, here and now. So neither the machine nor its other work counts. A few walks are no work at
all, which is how nearly all ends. What takes more is compared with what a text of a quarter takes: a quarter
where the work grows with the text, a sixteenth where it grows with its square. What takes very many walks is
stopped there, which also ends what would never end.
"""

from __future__ import annotations

import math
import re
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

SIZE = 5_000
"""Characters of a text: with more, linear and quadratic are further apart, and tests are slower."""
FEW, MOST = 30, 1000
"""Walks."""
SHARE = 4
"""The shorter text is this many times shorter."""
GROWTH = 8
"""How much more the longer one may take: between 4 (linear) and 16 (quadratic)."""
_TRIES = 3


class _Stopped(Exception):
    """More than `MOST` walks."""


def grows_too_fast(pattern: re.Pattern[str], text: str, shorter: str, searched: bool) -> bool:
    """Whether `text` takes more work than its length explains, seen at `shorter`."""
    if _seconds(pattern, text, searched) < FEW * _walk():
        return False
    # What else a machine does makes things slower, never quicker.
    long, short = (min(_seconds(pattern, it, searched) for _ in range(_TRIES)) for it in (text, shorter))
    return long == math.inf or long > GROWTH * short


def _seconds(pattern: re.Pattern[str], text: str, searched: bool) -> float:
    """Processor time, infinite where it was stopped."""
    start = time.thread_time()
    try:
        with _at_most(MOST * _walk()):
            _use(pattern, text, searched)
    except _Stopped:
        return math.inf
    return time.thread_time() - start


def _use(pattern: re.Pattern[str], text: str, searched: bool) -> None:
    if isinstance(pattern.pattern, bytes):
        text = text.encode("latin-1", "replace")  # type: ignore[assignment]
    if searched:
        deque(pattern.finditer(text), maxlen=0)
    else:
        pattern.match(text)
        pattern.fullmatch(text)


@cache
def _walk() -> float:
    """Seconds of processor time that one walk through a text takes."""
    pattern, text, times = re.compile("[^c]c"), "ab" * (SIZE // 2), 50
    start = time.thread_time()
    for _ in range(times):
        _use(pattern, text, searched=True)
    return (time.thread_time() - start) / times


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Stop what takes more than this of the processor: the engine looks for signals as it works."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _Stopped

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
