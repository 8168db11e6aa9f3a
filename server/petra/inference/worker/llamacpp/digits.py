"""Integers between two bounds as a grammar of their digits."""

from __future__ import annotations

# Digits of an integer without a bound, as JSON readers take them (below 2^53).
MOST_DIGITS = 16


def integers(least: int | None, most: int | None) -> str:
    """GBNF for the integers from `least` to `most`, without leading zeros; None is no bound."""
    parts = []
    if least is None or least < 0:
        low = -1 if most is None else min(-1, most)
        parts.append('"-" ( ' + _naturals(-low, None if least is None else -least) + " )")
    if most is None or most >= 0:
        parts.append(_naturals(max(least or 0, 0), most))
    return " | ".join(parts)


def _naturals(least: int, most: int | None) -> str:
    """From `least`, which is at least 0, to `most`."""
    first = len(str(least))
    last = max(MOST_DIGITS, first) if most is None else len(str(most))
    parts = []
    for digits in range(first, last + 1):
        low = max(least, 10 ** (digits - 1) if digits > 1 else 0)
        high = 10**digits - 1 if most is None else min(most, 10**digits - 1)
        parts.append(_between(str(low), str(high)))
    return " | ".join(parts)


def _between(low: str, high: str) -> str:
    """The numbers from `low` to `high`, which have the same number of digits."""
    rest = len(low) - 1
    if set(low[1:]) <= {"0"} and set(high[1:]) <= {"9"}:
        return _digit(low[0], high[0]) + (f" [0-9]{{{rest}}}" if rest else "")
    if low[0] == high[0]:
        return f'"{low[0]}" ( {_between(low[1:], high[1:])} )'
    parts = [f'"{low[0]}" ( {_between(low[1:], "9" * rest)} )']
    if int(high[0]) - int(low[0]) > 1:
        parts.append(f"{_digit(str(int(low[0]) + 1), str(int(high[0]) - 1))} [0-9]{{{rest}}}")
    parts.append(f'"{high[0]}" ( {_between("0" * rest, high[1:])} )')
    return " | ".join(parts)


def _digit(low: str, high: str) -> str:
    return f'"{low}"' if low == high else f"[{low}-{high}]"
