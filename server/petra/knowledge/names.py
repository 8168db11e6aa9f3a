"""File names as they are shown: what cannot be seen could make one read as another. Pure."""

from __future__ import annotations

import unicodedata

LONGEST = 200
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


def escaped(path: str) -> str:
    """`path` with what cannot be seen written out, as `\\u202e`: nothing is lost, and nothing reads as
    something else."""
    return "".join(
        char if _is_seen(char) or _joins(path, at) else char.encode("unicode_escape").decode()
        for at, char in enumerate(path)
    )


def shown(name: str) -> str:
    """`name` without control, bidirectional and other invisible characters, at most its last 200; never
    empty. For eyes only: the path keeps its own name."""
    seen = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char) not in _UNSEEN
    )
    return seen.strip()[-LONGEST:] or "unnamed"


def _is_seen(char: str) -> bool:
    return unicodedata.category(char) not in _UNSEEN


def _joins(path: str, at: int) -> bool:
    """Whether a joiner stands where emoji, Persian and the scripts of India have it: between two signs, of
    which neither is ASCII."""
    around = path[max(at - 1, 0) : at] + path[at + 1 : at + 2]
    return path[at] in _JOINERS and len(around) == 2 and all(not c.isascii() and _is_seen(c) for c in around)
