"""Passages that only point elsewhere: tables of contents, indexes, lists of figures. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

from petra.knowledge.ranking.candidate import Ranked

CONTENTS = 0.5
"""What such a passage counts: what it points to has the same words, and should come first."""

FEWEST = 5
"""Lines that make a list."""
MOST = 0.6
"""Which part of the lines has to point somewhere."""

_LEADER = re.compile(r"(?<!\.)(?<!\.\s)(?:\.\s?){4,}+\s*\d+\s*$|(?<!…)…+\s*\d+\s*$")
_POINTS = re.compile(
    r"^\s*(?:[\d.]+\s+|[A-Z]\.?\s+)?\S.{0,80}?(?<![\s,.…])[\s,.…]++\d{1,4}(?:\s?[,–-]\s?\d{1,4})*+\s*$"
)


def lessen(ranked: list[Ranked], texts: Mapping[int, str]) -> None:
    """Move passages of paged documents that only point elsewhere down."""
    for item in ranked:
        if item.row.pages and only_points(texts[item.row.id]):
            item.score *= CONTENTS
            item.why["contents ×"] = CONTENTS
    ranked.sort(key=lambda item: -item.score)


def only_points(text: str) -> bool:
    """Whether most lines of a text end with page numbers, as those of a table of contents or index do."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < FEWEST:
        return False
    leaders = sum(bool(_LEADER.search(line)) for line in lines)
    points = sum(bool(_POINTS.match(line)) for line in lines)
    return leaders > len(lines) / 2 or (points >= MOST * len(lines) and _ascends(lines))


def _ascends(lines: list[str]) -> bool:
    """Whether the numbers look like page numbers: most are not less than the one before. A table of
    results has numbers too, in any order."""
    numbers = [int(found[-1]) for line in lines if (found := re.findall(r"\d{1,4}", line))]
    rising = sum(a <= b for a, b in pairwise(numbers))
    return rising >= 0.8 * (len(numbers) - 1)
