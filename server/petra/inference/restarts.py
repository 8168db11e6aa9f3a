"""How long to wait after a crash, and when to give up for a while. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """`crashes` within `window_s` open the circuit: no more tries for `open_s`. Before that the delay
    doubles from `first_delay_s`."""

    crashes: int = 3
    window_s: float = 600.0
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    open_s: float = 180.0


def recent(crashes: Sequence[float], now: float, patience: Patience) -> list[float]:
    """The times of crashes that still count."""
    return [at for at in crashes if now - at < patience.window_s]


def delay(crashes: Sequence[float], now: float, patience: Patience) -> float | None:
    """Seconds to wait after the newest of `crashes`, None when the circuit has to open."""
    count = len(recent(crashes, now, patience))
    if count >= patience.crashes:
        return None
    return min(patience.first_delay_s * 2.0 ** max(count - 1, 0), patience.longest_delay_s)
