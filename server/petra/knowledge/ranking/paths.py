"""What a path says of a file: whether it is a test, an example, generated, and which words it shares with a
query. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from petra.knowledge import terms

PathKind = Literal["test", "example", "generated", "reexport", "notes"]

WEIGHT: dict[PathKind, float] = {"test": 0.4, "example": 0.4, "generated": 0.4, "reexport": 0.6, "notes": 0.7}
"""What a passage of such a file counts, where the query does not ask for such files.
Notes are Markdown and text beside program text: a question about a program is answered by the program."""

_PATTERNS: dict[PathKind, re.Pattern[str]] = {
    "test": re.compile(
        r"(^|/)(tests?|__tests__|specs?|testing|testdata|test[-_]data|fixtures|e2e)/"
        r"|(^|/)(test_[^/]*|[^/]*_(test|tests|spec|unittest)|[^/]*[.-](test|spec)|conftest)\.\w+$"
        r"|(^|/)[^/]*[a-z0-9](Tests?|TestCase|Spec|Suite)\.\w+$"
    ),
    "example": re.compile(r"(^|/)_?(examples?|samples?|demos?|tutorials?|docs?_src|snippets|benchmarks?)/"),
    "generated": re.compile(
        r"(^|/)(generated|__generated__|dist|_?vendor(ed)?|third[-_]?party|node_modules|bower_components)/"
        r"|(_pb2(_grpc)?\.pyi?|\.pb\.(go|cc|h)|\.min\.(js|css)|[._]g(enerated)?\.\w+|\.designer\.cs)$"
        r"|(^|/)(package-lock\.json|yarn\.lock|pnpm-lock\.yaml|poetry\.lock|uv\.lock|Cargo\.lock|go\.sum)$"
    ),
    "reexport": re.compile(r"(^|/)(__init__\.pyi?|(package|module)-info\.java|mod\.rs|index\.[jt]sx?)$"),
}
"""Generated is also what was copied from elsewhere: nobody here wrote it."""

_ASKED_BY: dict[PathKind, str] = {
    "test": "test tests testing tested unittest pytest spec specs fixture fixtures mock mocking assert",
    "example": "example examples sample demo tutorial snippet benchmark",
    "generated": "generated generator protobuf lockfile vendor vendored",
    "reexport": "export exports exported import package",
    "notes": "readme doc docs documentation documented guide manual changelog changes license install",
}
LIFTED_BY = {kind: frozenset(map(terms.stem, words.split())) for kind, words in _ASKED_BY.items()}
"""The words of a query that ask for such files."""

SHORTEST = 4
"""Letters that two words must have in common to be of one family (`route`, `router`)."""


@lru_cache(8192)
def kinds(path: str) -> frozenset[PathKind]:
    """What this file is, besides a file."""
    return frozenset(kind for kind, pattern in _PATTERNS.items() if pattern.search(path))


def weight(path: str, wants: Collection[PathKind]) -> float:
    """What a passage of this file counts, for a query that asks for files of the kinds `wants`."""
    found = 1.0
    for kind in kinds(path):
        if kind not in wants:
            found *= WEIGHT[kind]
    return found


@lru_cache(8192)
def words(path: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a file's name and of its folder's."""
    pure = PurePosixPath(path)
    return frozenset(terms.terms(pure.stem)), frozenset(terms.terms(pure.parent.name))


def shared(asked: Collection[str], path: str) -> float:
    """Which part of the words of a query is in the name of the file, or of its folder: 0 to 1."""
    if not asked:
        return 0.0
    name, folder = words(path)
    return sum(_among(word, name) or _among(word, folder) for word in asked) / len(asked)


def is_named(path: str, name: str) -> bool:
    """Whether the file is called as an identifier is: `token_store.py`, `TokenStore.java`."""
    stem = PurePosixPath(path).stem.replace("_", "").replace("-", "").casefold()
    wanted = name.replace("_", "").casefold()
    return stem == wanted or stem.rstrip("s") == wanted


def ends_with(path: str, end: str) -> bool:
    """Whether one path is the end of the other, in whole names: traces have longer paths than collections."""
    short, long = sorted((path, end), key=len)
    return long == short or long.endswith(f"/{short}")


def _among(word: str, others: frozenset[str]) -> bool:
    if word in others:
        return True
    return any(
        min(len(word), len(other)) >= SHORTEST and (word.startswith(other) or other.startswith(word))
        for other in others
    )
