"""Leaves the code out of an answer that may only explain or hint: a small model does not keep such a
rule by itself. Pure."""

from __future__ import annotations

import re

LEFT_OUT = "(Code is left out here.)\n"
_FENCES = ("```", "~~~")
# Quotes and list items may hold a block; no two branches begin alike, so this takes linear time.
_WITHIN = re.compile(r"(?:[\s>]|[-*+](?=\s)|\d{1,9}[.)](?=\s))*")
_HALF_A_MARK = re.compile(r"[-*+]|\d{1,9}[.)]?")


class Withheld:
    """Takes text as it streams and gives back what may be shown. Fenced code becomes one line that says
    so; a line is held back only while it may still turn out to be a fence."""

    def __init__(self) -> None:
        self._line = ""
        self._fence = ""
        self._passing = False  # the line has begun to be shown

    def feed(self, text: str) -> str:
        """What may be shown, now that `text` came too."""
        shown = ""
        *whole, rest = text.split("\n")
        for line in whole:
            shown += self._end_of_line(line + "\n")
        self._line += rest
        if self._passing or (self._line.strip() and not self._fence and not _may_open(self._line)):
            shown, self._line, self._passing = shown + self._line, "", True
        return shown

    def end(self) -> str:
        """What was held back when the answer ended."""
        rest, self._line = self._line, ""
        return "" if self._fence or _opens(rest) else rest

    def _end_of_line(self, end: str) -> str:
        line, self._line = self._line + end, ""
        passing, self._passing = self._passing, False
        if passing:
            return line
        if self._fence:
            if _bare(line).startswith(self._fence):
                self._fence = ""
            return ""
        if fence := _opens(line):
            self._fence = fence
            return LEFT_OUT
        return line


def _opens(line: str) -> str:
    """The fence that a line begins with, or nothing."""
    return next((fence for fence in _FENCES if _bare(line).startswith(fence)), "")


def _may_open(line: str) -> bool:
    """Whether the beginning of a line may still become a fence."""
    begun = _bare(line)
    return bool(_HALF_A_MARK.fullmatch(begun)) or any(
        fence.startswith(begun) or begun.startswith(fence) for fence in _FENCES
    )


def _bare(line: str) -> str:
    """A line without the marks of the quotes and list items that it stands in."""
    return _WITHIN.sub("", line, count=1)
