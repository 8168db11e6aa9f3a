"""A line of the table: what was measured how often, beside a peer and an aim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

WIDTH = 50


@dataclass(frozen=True)
class Aim:
    """How good it has to be: at `least`, at `most`, or `ratio` times as good as the peer."""

    least: float | None = None
    most: float | None = None
    ratio: float | None = None

    def __str__(self) -> str:
        parts = [
            f"{sign} {value:g}{unit}"
            for sign, value, unit in (("≥", self.least, ""), ("≤", self.most, ""), ("≥", self.ratio, "×"))
            if value is not None
        ]
        return ", ".join(parts)

    def met(self, value: float, ratio: float | None) -> bool:
        """Whether it is that good. Without its peer, a ratio is not met."""
        return (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.ratio is None or (ratio is not None and ratio >= self.ratio))
        )


@dataclass(frozen=True)
class Line:
    """`values` are ours and `peers` the peer's, one for each repetition. `more` of it is better."""

    measure: str
    values: Sequence[float]
    aim: Aim = Aim()
    peers: Sequence[float] = ()
    more: bool = False
    note: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    verdict: bool | None = None
    """Whether it is good enough, where that is no matter of comparing numbers."""

    @property
    def value(self) -> float:
        """Ours."""
        return median(self.values)

    @property
    def ratios(self) -> list[float]:
        """How many times better ours is, repetition by repetition."""
        pairs = zip(self.values, self.peers, strict=False)
        return [ours / theirs if self.more else theirs / ours for ours, theirs in pairs]

    @property
    def ratio(self) -> float | None:
        """The same, in the middle."""
        return median(self.ratios) if self.peers else None

    @property
    def met(self) -> bool:
        """Whether it is good enough."""
        return self.aim.met(self.value, self.ratio) if self.verdict is None else self.verdict

    def as_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "measure": self.measure,
            "petra": self.value,
            "values": list(self.values),
            "peer": median(self.peers) if self.peers else None,
            "peers": list(self.peers),
            "ratio": self.ratio,
            "aim": str(self.aim),
            "met": self.met,
            "note": self.note,
            "details": self.details,
        }

    def __str__(self) -> str:
        spread = f" ({short(min(self.values))}–{short(max(self.values))})" if len(self.values) > 1 else ""
        peer = short(median(self.peers)) if self.peers else "–"
        ratio = f"{short(self.ratio)}×" if self.ratio is not None else ""
        verdict = "" if not str(self.aim) and self.verdict is None else "met" if self.met else "MISSED"
        cells = f"{self.measure:<{WIDTH}}{short(self.value):>8}{spread:<16}{peer:>8}{ratio:>9}"
        return f"{cells}  {self.aim!s:<16}{verdict:<7}{self.note}".rstrip()


def short(value: float) -> str:
    """Three digits, or all that stand before the point; of shares four."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * round(share * 100) // 100) - 1))]
