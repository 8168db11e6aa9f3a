"""Where somebody types: the document on both sides of the cursor, and small questions about it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cursor:
    """A place in a document. `path` names it as its editor does (absolute, or a URI), `shown` as a model
    is told; `language` is LSP's name of its language. Lines end with LF. `automatic`: nobody asked."""

    path: str
    shown: str
    language: str
    before: str
    after: str
    automatic: bool = True

    @property
    def line(self) -> str:
        """What stands on the cursor's line before it."""
        return self.before.rpartition("\n")[2]

    @property
    def rest(self) -> str:
        """What stands on the cursor's line behind it."""
        return self.after.partition("\n")[0]


def indent(line: str) -> str:
    """The white space that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def depth(line: str) -> int:
    """How far a line is indented, a tab counted as four."""
    return len(indent(line).expandtabs(4))


def last_written(before: str) -> str:
    """The last line before the cursor that is not blank, the cursor's own included."""
    return before.rstrip().rpartition("\n")[2]
