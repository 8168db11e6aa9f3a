"""What probes have found on this machine, kept so that the next start need not measure again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from petra import platform


class Findings:
    """A JSON file of results by what they were measured on. Without a file nothing is kept; one that is
    damaged counts as empty, and one that cannot be written is left alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, measured_on: dict[str, Any]) -> dict[str, Any] | None:
        """What was found; None when nothing was."""
        found = self._read().get(_key(measured_on))
        return found if isinstance(found, dict) else None

    def put(self, measured_on: dict[str, Any], found: dict[str, Any]) -> None:
        """Keep it beside what was found for others."""
        if self._path is None:
            return
        content = self._read() | {_key(measured_on): found}
        try:
            platform.private_write(self._path, json.dumps(content, indent=1))
        except OSError:
            return

    def _read(self) -> dict[str, Any]:
        if self._path is None:
            return {}
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _key(measured_on: dict[str, Any]) -> str:
    text = json.dumps(measured_on | {"cpu": platform.cpu_name()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
