"""The rows: what is measured under which conditions, and how good it should be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.engine import measures
from benchmarks.engine.measures import Figures
from benchmarks.engine.servers import Server


@dataclass(frozen=True)
class Line:
    """A line of the table: a figure of a row. `faster`: more of it is better. `least` is how many times
    better than the peer it should be; `most` bounds our own figure, whatever the peer's is."""

    title: str
    figure: str
    faster: bool = False
    least: float | None = None
    most: float | None = None

    def better(self, ours: float, peers: float) -> float:
        """How many times better ours is."""
        return ours / peers if self.faster else peers / ours

    @property
    def aim(self) -> str:
        """In words."""
        return f"≥ {self.least:g}×" if self.least is not None else f"≤ {self.most:g}"

    def met(self, ours: float, ratio: float) -> bool:
        """Whether it is good enough."""
        return ratio >= self.least if self.least is not None else ours <= (self.most or 0.0)


@dataclass(frozen=True)
class Row:
    """What is measured in one go: how many answers at once both sides are started for, and how many tokens
    each of them may have (ours always has 4,096 or more). `tries`: the peer's settings matter here; a row
    whose bound is absolute takes the setting that was best for eight streams."""

    measure: Callable[[Server, int], Awaitable[Figures]]
    parallel: int
    context: int
    lines: tuple[Line, ...]
    tries: bool = True
    repetitions: int | None = None


def rows(model: Path) -> dict[str, Row]:
    """All of them by the name that `--rows` takes."""
    return {
        "1": Row(
            measures.one_stream,
            1,
            1024,
            (Line("one stream, decode tokens/s", "tokens/s", faster=True, least=0.97),),
        ),
        "8": Row(
            partial(measures.class_of, students=8, warm_rounds=2),
            8,
            1024,
            (
                Line("8 streams warm, tokens/s", "warm: tokens/s", faster=True, least=1.05),
                Line("8 cold, last first token, s", "cold: last first token s", least=4.0),
            ),
        ),
        "32": Row(
            partial(measures.class_of, students=32),
            32,
            1024,
            (
                Line("32 streams warm, tokens/s", "warm: tokens/s", faster=True, least=1.2),
                Line("32 cold, last first token, s", "cold: last first token s", least=4.0),
            ),
        ),
        "follow-up": Row(
            measures.follow_up,
            1,
            4096,
            (Line("follow-up in 2,000 tokens, first token, ms", "first token ms", least=1.0),),
        ),
        "gap": Row(
            measures.newcomer,
            7,
            4096,
            (Line("worst gap of 6 while 1,900 tokens arrive, ms", "worst gap ms", most=250),),
        ),
        "fairness": Row(
            measures.fairness,
            10,
            1024,
            (Line("the nine beside twenty questions of one, ×", "largest ratio", most=1.5),),
            tries=False,
        ),
        "cancel": Row(
            measures.cancel,
            1,
            4096,
            (Line("cancel → the next one's token, worst, ms", "worst ms", most=300),),
            tries=False,
        ),
        "memory": Row(
            partial(measures.weight, model=model),
            8,
            1024,
            (Line("memory over model and KV, MiB", "over model and KV MiB", most=150),),
            tries=False,
            repetitions=1,
        ),
    }
