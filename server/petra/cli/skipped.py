"""What indexing left out, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def lines(skipped: Sequence[dict[str, Any]]) -> list[str]:
    """`Skipped 12 files: 8 not text, 3 too large, 1 may hold secrets (.env)`, and the same for folders.
    Few are named: they are the ones that may have been meant."""
    found = []
    for what in ("files", "folders"):
        items = [item for item in skipped if item["what"] == what]
        if items:
            total = sum(item["count"] for item in items)
            noun = what if total != 1 else what[:-1]
            found.append(f"Skipped {total:,} {noun}: " + ", ".join(_counted(item) for item in items))
    return found


def _counted(item: dict[str, Any]) -> str:
    named = f" ({', '.join(item['examples'])})" if item["count"] <= len(item["examples"]) else ""
    return f"{item['count']:,} {item['reason']}{named}"
