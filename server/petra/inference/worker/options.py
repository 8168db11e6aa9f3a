"""How a chat worker serves: limits on requests, and sizes of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """Caps on one worker: requests that wait, tokens and seconds of one answer, answers at once, and of
    these for one person. Of the queue one person may fill a quarter."""

    queue: int = 128
    tokens: int = 4096
    seconds: float = 600.0
    places: int = 8
    per_person: int = 4

    @property
    def queue_per_person(self) -> int:
        """How many requests of one person may wait."""
        return max(1, self.queue // 4)


@dataclass(frozen=True)
class EngineOptions:
    """How to run a model.

    `context` is the longest prompt with its answer, `cells` the room of the cache for all together (0:
    the context and 1024 for each further answer), in tokens. `threads` 0 is one for each physical core;
    `step_seconds` the time of a step to aim at, `park_bytes` the memory for histories that have left the
    cache. None for `flash_attention` and `unified` lets a probe decide, whose results are kept in
    `calibration`. `adapters` are LoRA files by name.
    """

    context: int = 4096
    cells: int = 0
    threads: int = 0
    step_seconds: float = 0.15
    park_bytes: int = 256 << 20
    flash_attention: bool | None = None
    unified: bool | None = None
    calibration: Path | None = None
    adapters: Mapping[str, Path] = field(default_factory=dict)
    extra_bufts: bool = True
    limits: Limits = field(default_factory=Limits)

    @property
    def room(self) -> int:
        """Cells of the cache."""
        return self.cells or self.context + 1024 * (self.limits.places - 1)
