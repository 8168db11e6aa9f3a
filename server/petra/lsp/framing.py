"""LSP's base protocol, strictly: `Content-Length` headers and bodies, without reading or writing anything.

Standard library only: the forwarder and the server share it. Lines end with CR LF, a bare LF is refused;
only `Content-Length` (once, decimal, at most 8 digits and 16 MiB) and `Content-Type` are headers. pygls
ignores headers it does not know, and so took an HTTP POST from a web page for a message.
"""

from __future__ import annotations

MAX_BODY = 16 * 1024 * 1024
MAX_LINE = 256
MAX_LINES = 4


class FrameError(Exception):
    """The bytes are not LSP. Where the next frame begins is unknown, so the connection has to end."""


def frame(body: bytes) -> bytes:
    """A body with its header, ready to send."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameDecoder:
    """Cuts a stream of bytes into bodies: `feed` what arrived, then call `next_body` until it is None."""

    def __init__(self, limit: int = MAX_BODY) -> None:
        self.limit = limit
        """The longest body in bytes; may be changed between two frames."""
        self._buffer = bytearray()
        self._lines = 0
        self._length: int | None = None
        self._in_body = False

    @property
    def partial(self) -> bool:
        """Whether a frame has begun that is not complete."""
        return bool(self._buffer) or self._lines > 0

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        self._buffer += data

    def next_body(self) -> bytes | None:
        """The next complete body, or None when more bytes are needed. Raises FrameError."""
        while not self._in_body:
            line = self._take_line()
            if line is None:
                return None
            if line:
                self._read_header(line)
            elif self._length is None:
                raise FrameError("a frame without Content-Length")
            else:
                self._in_body = True
        length = self._length or 0
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._lines, self._length, self._in_body = 0, None, False
        return body

    def _take_line(self) -> bytes | None:
        """One header line without its CR LF. Speaks up at the first wrong byte: a browser's request is
        over long before it looks like a header."""
        if self._buffer and self._buffer[0] not in b"Cc\r":
            raise FrameError("not an LSP header")
        end = self._buffer.find(b"\n", 0, MAX_LINE)
        if end < 0:
            if len(self._buffer) >= MAX_LINE:
                raise FrameError("a header line is too long")
            return None
        line = bytes(self._buffer[:end])
        if not line.endswith(b"\r"):
            raise FrameError("a header line does not end with CR LF")
        del self._buffer[: end + 1]
        self._lines += 1
        if self._lines > MAX_LINES:
            raise FrameError("too many header lines")
        return line[:-1]

    def _read_header(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        value = value.strip(b" \t")
        match name.lower():
            case b"content-length" if colon and self._length is None:
                # Without the cap on digits, int() of a long number would be work for the asking.
                if not value.isdigit() or len(value) > 8 or int(value) > self.limit:
                    raise FrameError(f"a Content-Length that is not a number up to {self.limit}")
                self._length = int(value)
            case b"content-type" if colon:
                if b"charset=" in value.lower() and b"utf-8" not in value.lower().replace(b"utf8", b"utf-8"):
                    raise FrameError("a charset other than UTF-8")
            case _:
                raise FrameError("not an LSP header")
