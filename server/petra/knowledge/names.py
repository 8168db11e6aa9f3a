"""File names as they are shown: what cannot be seen could make one read as another. Pure."""

from __future__ import annotations

import unicodedata

LONGEST = 200
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def escaped(path: str) -> str:
    """`path` with what cannot be seen written out, as `\\u202e`: nothing is lost, and nothing reads as
    something else."""
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in path
    )


def shown(name: str) -> str:
    """`name` without control, bidirectional and other invisible characters, at most its last 200; never
    empty. For eyes only: the path keeps its own name."""
    seen = "".join(
        char for char in unicodedata.normalize("NFC", name) if unicodedata.category(char) not in _UNSEEN
    )
    return seen.strip()[-LONGEST:] or "unnamed"
