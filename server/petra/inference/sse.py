"""Server-sent events, read from bytes that may be cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from petra.errors import ModelUnavailable

# One event of a chat stream is a few hundred bytes; an endpoint that sends megabytes without an end of
# event is broken, and must not fill the server's memory.
EVENT_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Event:
    """One dispatched event. `name` is "message" where the stream gives none."""

    name: str
    data: str


class Decoder:
    """Bytes in, events out. Lines end in LF, CRLF or CR; comments and unknown fields are dropped."""

    def __init__(self) -> None:
        self._buffer = b""
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes. Raises ModelUnavailable for an event over EVENT_LIMIT."""
        if self._after_cr and chunk:
            # A CRLF that was cut in two must not count as two ends of line.
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        self._buffer += chunk
        events = []
        while (line := self._next_line()) is not None:
            if event := self._line(line):
                events.append(event)
        if self._size + len(self._buffer) > EVENT_LIMIT:
            raise ModelUnavailable(
                "The model's answer cannot be read",
                cause=f"One event of its stream is longer than {EVENT_LIMIT} bytes",
                remedy="Check that the address is an OpenAI-compatible server",
            )
        return events

    def _next_line(self) -> bytes | None:
        ends = [at for at in (self._buffer.find(b"\n"), self._buffer.find(b"\r")) if at >= 0]
        if not ends:
            return None
        end = min(ends)
        line, rest = self._buffer[:end], self._buffer[end + 1 :]
        if self._buffer[end : end + 1] == b"\r":
            self._after_cr = not rest
            rest = rest.removeprefix(b"\n")
        self._buffer = rest
        return line

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._size += len(line)
        elif field == "event":
            self._name = value
        return None

    def _dispatch(self) -> Event | None:
        event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
        self._name, self._data, self._size = "", [], 0
        return event
