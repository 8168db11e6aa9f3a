"""What a walk left out, counted for the person who asked for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from petra.knowledge.names import escaped

EXAMPLES = 3


def summary(left_out: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """`(path, reason)` pairs as JSON values, one for each reason, the most frequent first:
    `{what, reason, count, examples}`. `what` is `files`, or `folders` for paths that end with `/`;
    `examples` are the first few paths."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, reason in left_out:
        what = "folders" if path.endswith("/") else "files"
        groups.setdefault((what, reason), []).append(path)
    counted = [
        {
            "what": what,
            "reason": reason,
            "count": len(paths),
            "examples": [escaped(path) for path in sorted(paths)[:EXAMPLES]],
        }
        for (what, reason), paths in groups.items()
    ]
    return sorted(counted, key=lambda item: (item["what"], -int(str(item["count"])), item["reason"]))
