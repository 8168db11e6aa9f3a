"""Files that a program wrote for another one: by name, by what their head says, by the length of their
lines. Pure."""

from __future__ import annotations

import re
from pathlib import PurePath

HEAD = 4096
"""Characters at the beginning of a file that may say that it is generated."""
SAMPLE = 64 * 1024
LEAST = 4096
"""Characters below which a file is never called minified."""
LONG_LINE = 500
FEWEST_LINES = 30
"""Lines of usual length that a file of long lines needs, to be source with data in it."""

_NAME = re.compile(
    r".+[.-]min\.(m?js|css|html)|.+\.(map|lock)|(package|composer|pdm|deno)[-.]lock(\.json)?"
    r"|npm-shrinkwrap\.json|pnpm-lock\.yaml|bun\.lockb?|go\.sum|.+[.-](bundle|chunk)\.m?js"
    r"|.+_pb2(_grpc)?\.pyi?|.+\.pb(\.gw)?\.(go|h|cc)|.+_pb\.(js|d\.ts|rb)|.+\.(g|freezed)\.dart"
    r"|.+\.designer\.cs|.+\.g\.i?\.?cs|.+[._](generated|gen)\.[a-z]{1,5}|zz_generated\..+"
)
_PROSE = frozenset(
    (".md", ".markdown", ".txt", ".rst", ".adoc", ".org", ".tex", ".csv", ".tsv", ".html", ".htm", ".xhtml")
) | frozenset((".ipynb", ".log", ""))
_COMMENT = re.compile(r"""\s*(?://|\#|/\*|\*|--|;|%|<!--|\(\*|\{-|'|"|rem\b)(?P<text>.*)""", re.IGNORECASE)
_MARK = re.compile(r"(?<![\w`'\"])@generated(?![\w`'\"])")
_MADE = re.compile(r"\b(?:auto-?|automatically |machine[ -])?generated\b", re.IGNORECASE)
_HANDS_OFF = re.compile(r"\bdo(?: not|n't) (?:edit|modify|change)", re.IGNORECASE)


def named(name: str) -> bool:
    """Whether files of this name are generated. `name` is in lower case."""
    return _NAME.fullmatch(name) is not None


def in_text(text: str, name: str) -> str | None:
    """Why a text seems to be generated, or None. Its beginning is enough: `SAMPLE` characters."""
    if PurePath(name).suffix.lower() in _PROSE:
        return None
    if _says_so(text[:HEAD]):
        return "generated"
    return "minified" if _minified(text[:SAMPLE]) else None


def _says_so(head: str) -> bool:
    """Whether comments that stand before the first line of code say that nobody should edit this."""
    made = hands_off = False
    for line in head.split("\n"):
        comment = _COMMENT.match(line)
        if comment is None and line.strip():
            return False
        if comment:
            if _MARK.search(comment["text"]):
                return True
            made = made or _MADE.search(comment["text"]) is not None
            hands_off = hands_off or _HANDS_OFF.search(comment["text"]) is not None
            if made and hands_off:
                return True
    return False


def _minified(sample: str) -> bool:
    if len(sample) < LEAST:
        return False
    lines = [len(line) for line in sample.split("\n") if line.strip()]
    usual = [length for length in lines if length <= LONG_LINE]
    return len(usual) < FEWEST_LINES and sum(usual) * 10 < len(sample)
