"""What the shell prints: plain words, without what could command a terminal."""

from __future__ import annotations

import shutil
import sys
import time
import unicodedata
from typing import Any, TextIO

STEP = 0.1
"""Seconds between two redraws of a line of numbers."""


_HARMLESS = frozenset("\n\t\u00ad\u200c\u200d")
"""Besides what can be seen: places where a word may be cut, and what joins signs or keeps them apart, without
which neither Persian nor many an emoji reads as it should."""


def clean(text: str) -> str:
    """Text for a terminal: documents and models may hold escape sequences, which would be obeyed, and signs
    that turn around what stands beside them."""
    return "".join(char if _is_harmless(char) else "\ufffd" for char in text)


def _is_harmless(char: str) -> bool:
    return char.isprintable() or char in _HARMLESS or unicodedata.category(char) == "Zs"


def line(text: str = "", *, to: TextIO | None = None) -> None:
    """Print one line."""
    print(clean(text), file=to or sys.stdout, flush=True)


def place(item: dict[str, Any]) -> str:
    """Where in its document a source or passage is: `, page 3`, `, slide 7`, `, lines 10–20` or nothing."""
    for key, name in (("pages", item.get("unit") or "page"), ("lines", "line")):
        if span := item.get(key):
            first, last = span
            return f", {name} {first}" if first == last else f", {name}s {first}–{last}"
    return ""


def shortened(text: str, width: int = 100) -> str:
    """The beginning of a text on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"


def size(count: int) -> str:
    """Bytes as people say them: `3.4 MB`."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count} bytes"


class Progress:
    """One line on stderr that says what is going on and goes away; silent when nobody watches. What comes
    less than `step` seconds after what is shown is left out."""

    def __init__(self, step: float = STEP) -> None:
        self._step = step
        self._visible = sys.stderr.isatty()
        self._shown = ""
        self._at = 0.0

    def show(self, text: str) -> None:
        """Replace what is shown."""
        now = time.monotonic()
        if self._visible and text != self._shown and now - self._at >= self._step:
            self._at, self._shown = now, text
            # A line that wraps could not be taken away.
            fitting = shortened(clean(text), shutil.get_terminal_size().columns - 1)
            print(f"\r\033[K{fitting}", end="", file=sys.stderr, flush=True)  # noqa: T201

    def clear(self) -> None:
        """Take it away before something else is printed."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)  # noqa: T201
            self._shown = ""
