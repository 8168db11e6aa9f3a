"""Text as editors edit it: by lines that end with LF, CR LF or CR, and columns in the agreed unit.

Standard library only and without any knowledge of LSP's types: the forwarder uses it too.
"""

from __future__ import annotations

import re
from typing import Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]
Place = tuple[int, int]
"""Line and column, both from 0; the column counts units of the encoding."""

_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_OTHER_SEPARATORS = "\v\f\x1c\x1d\x1e"
"""Where `str.splitlines` ends a line of ASCII and LSP does not."""


class Text:
    """A text that is edited in place. Nothing it is told to do fails: what lies outside is moved to the
    nearest place inside, and a range whose end is before its start is turned round."""

    __slots__ = ("_encoding", "_joined", "_lines", "length")

    def __init__(self, text: str, encoding: Encoding = "utf-16") -> None:
        self._encoding: Encoding = encoding
        text = _without_surrogates(text)
        self._lines = _split(text)
        self._joined: str | None = text
        self.length = len(text)
        """Characters of the whole text."""

    def __str__(self) -> str:
        """The whole text; joined anew only after an edit."""
        if self._joined is None:
            self._joined = "".join(self._lines)
        return self._joined

    @property
    def lines(self) -> int:
        """How many lines there are; what follows the last line end is one, even when it is empty."""
        return len(self._lines)

    def line(self, number: int) -> str:
        """A line without its end; IndexError where there is none."""
        return self._lines[number].rstrip("\r\n")

    def replace(self, start: Place, end: Place, new: str) -> None:
        """Put `new` in the place of what is between `start` and `end`."""
        (first, begin), (last, stop) = sorted((self._index(*start), self._index(*end)))
        lines = self._lines
        before = sum(map(len, lines[first : last + 1]))
        prefix = lines[first][:begin]
        if not prefix and first and lines[first - 1].endswith("\r"):
            # A line feed that comes to stand after this carriage return makes one line end of the two.
            first -= 1
            before += len(lines[first])
            prefix = lines[first]
        changed = prefix + _without_surrogates(new) + lines[last][stop:]
        pieces = _split(changed)
        if last < len(lines) - 1:
            pieces.pop()  # the empty rest after a line end, which is only the last line's
        lines[first : last + 1] = pieces
        self.length += len(changed) - before
        self._joined = None

    def between(self, start: Place, end: Place) -> str:
        """The text between two places."""
        (first, begin), (last, stop) = sorted((self._index(*start), self._index(*end)))
        if first == last:
            return self._lines[first][begin:stop]
        return "".join((self._lines[first][begin:], *self._lines[first + 1 : last], self._lines[last][:stop]))

    def offset(self, place: Place) -> int:
        """How many characters of the whole text come before `place`."""
        line, index = self._index(*place)
        return sum(map(len, self._lines[:line])) + index

    def place(self, offset: int) -> Place:
        """The inverse of `offset`."""
        rest = min(max(offset, 0), self.length)
        for number, line in enumerate(self._lines):
            if rest < len(line) or number == len(self._lines) - 1:
                return number, units(line[:rest], self._encoding)
            rest -= len(line)
        raise AssertionError("a text has at least one line")

    def _index(self, line: int, column: int) -> Place:
        """Line and index into it; a column inside a character is moved before that character."""
        if line < 0:
            return 0, 0
        if line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        content = self._lines[line].rstrip("\r\n")
        column = max(column, 0)
        if content.isascii() or self._encoding == "utf-32":
            return line, min(column, len(content))
        codec, width = _CODECS[self._encoding]
        encoded = content.encode(codec)[: column * width]
        return line, len(encoded.decode(codec, "ignore"))


def units(text: str, encoding: Encoding) -> int:
    """How many columns `text` takes."""
    if text.isascii() or encoding == "utf-32":
        return len(text)
    codec, width = _CODECS[encoding]
    return len(text.encode(codec)) // width


def _split(text: str) -> list[str]:
    """Lines with their ends; the last one has none and may be empty."""
    fast = text.isascii() and not any(separator in text for separator in _OTHER_SEPARATORS)
    lines = text.splitlines(keepends=True) if fast else _LINE.findall(text)
    if not lines or lines[-1].endswith(("\r", "\n")):
        lines.append("")
    return lines


def _without_surrogates(text: str) -> str:
    """JSON can carry half a character, which no encoding can; it becomes U+FFFD, as wide in UTF-16."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
