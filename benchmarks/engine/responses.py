"""What the bytes of a response say: a status, the tokens and when they came, an error, an end."""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer as its reader had it. Times are seconds of `time.perf_counter`; `arrivals` has the text
    of each event and when it came; `usage` is the server's own count, empty when the answer was cut;
    `after_end`: something followed the line that says that the stream is over."""

    asked: float
    status: int
    arrivals: tuple[tuple[float, str], ...]
    usage: dict[str, Any]
    error: dict[str, Any] | None
    finished: bool
    body: bytes
    after_end: bool

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.arrivals)

    @property
    def tokens(self) -> int:
        """As the server counts them; for a cut answer the events that brought text."""
        return int(self.usage.get("completion_tokens", len(self.arrivals)))

    @property
    def first(self) -> float:
        """Seconds to the first token."""
        return self.arrivals[0][0] - self.asked

    @property
    def total(self) -> float:
        """Seconds to the last token."""
        return self.arrivals[-1][0] - self.asked

    @property
    def decode_rate(self) -> float:
        """Tokens a second after the first one."""
        return (self.tokens - 1) / (self.arrivals[-1][0] - self.arrivals[0][0])

    def gaps(self, begin: float = 0.0, end: float = float("inf")) -> list[float]:
        """Seconds between tokens, of those gaps that touch the time from `begin` to `end`."""
        times = [at for at, _ in self.arrivals]
        return [b - a for a, b in itertools.pairwise(times) if b >= begin and a <= end]


@dataclass
class Found:
    """What has been read."""

    status: int
    arrivals: list[tuple[float, str]]
    usage: dict[str, Any]
    error: dict[str, Any] | None
    done: bool
    body: bytes
    after_end: bool = False


def read(received: Sequence[tuple[float, bytes]]) -> Found:
    """All that `received` holds: pieces of a response and when each of them came."""
    raw = b"".join(data for _, data in received)
    ends = list(itertools.accumulate(len(data) for _, data in received))
    found = Found(0, [], {}, None, False, b"")
    head, separator, _ = raw.partition(b"\r\n\r\n")
    if not separator:
        return found
    found.status = int(head.split(b" ", 2)[1])
    chunked = b"transfer-encoding: chunked" in head.lower()
    found.body, places = _body(raw, len(head) + 4, chunked)
    position = 0
    while (end := found.body.find(b"\n\n", position)) >= 0:
        at = received[bisect_left(ends, _raw_end(places, end + 2))][0]
        _event(found, at, found.body[position:end])
        position = end + 2
    if found.status != 200 and found.error is None:
        try:
            found.error = json.loads(found.body)["error"]
        except (ValueError, KeyError, TypeError):
            found.error = None
    return found


def _body(raw: bytes, start: int, chunked: bool) -> tuple[bytes, list[tuple[int, int]]]:
    """The body so far, and for each of its pieces where it ends: in the body, and in the raw bytes."""
    if not chunked:
        return raw[start:], [(len(raw) - start, len(raw))]
    pieces: list[bytes] = []
    places: list[tuple[int, int]] = []
    length = 0
    while (line := raw.find(b"\r\n", start)) >= 0:
        size = int(raw[start:line].split(b";")[0] or b"0", 16)
        if size == 0:
            break
        piece = raw[line + 2 : line + 2 + size]
        pieces.append(piece)
        length += len(piece)
        places.append((length, line + 2 + len(piece)))
        start = line + 2 + size + 2
    return b"".join(pieces), places


def _raw_end(places: Sequence[tuple[int, int]], end: int) -> int:
    """Where in the raw bytes the body's first `end` bytes end."""
    body_end, raw_end = places[bisect_left(places, (end, 0))]
    return raw_end - (body_end - end)


def _event(found: Found, at: float, event: bytes) -> None:
    """Read one server-sent event. `event: queue` and the like bring no text."""
    lines = event.split(b"\n")
    data = b"".join(line[5:].strip() for line in lines if line.startswith(b"data:"))
    found.after_end |= found.done
    if data == b"[DONE]":
        found.done = True
        return
    if not data or any(line.startswith(b"event:") for line in lines):
        return
    part = json.loads(data)
    if "error" in part:
        found.error = part["error"]
        return
    found.usage = part.get("usage") or found.usage
    for choice in part.get("choices", ()):
        text = (choice.get("delta") or {}).get("content") or choice.get("text")
        if text:
            found.arrivals.append((at, text))
