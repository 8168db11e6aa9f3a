"""The models that there are: known, installed, in use, and those that a question may name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from petra.assistant.models import Models
from petra.errors import PetraError
from petra.inference import catalogue, installed

PATIENCE = 2.0
"""Seconds that a list of models waits for the one that is just being loaded."""


class Offered:
    """Lists models. `in_use` says what the set ones are used for: chat, embed."""

    def __init__(self, models: Models, models_dir: Path, in_use: Mapping[str, str]) -> None:
        self._models = models
        self._models_dir = models_dir
        self._in_use = in_use

    async def all(self) -> list[dict[str, Any]]:
        """Every model by name; `answers` says whether a question may ask for it now."""
        here = await asyncio.to_thread(lambda: {m.name: m for m in installed.installed(self._models_dir)})
        answering = await self._answering()
        known = {entry.name: entry for entry in catalogue.entries()}
        names = dict.fromkeys([*answering, *(n for n, use in self._in_use.items() if use), *known, *here])
        return [
            {
                "name": name,
                "kind": known[name].kind if name in known else here[name].kind if name in here else "chat",
                "installed": name in here,
                "used_for": self._in_use.get(name),
                "answers": name in answering,
                "size": known[name].size if name in known else here[name].size if name in here else None,
                "summary": known[name].summary if name in known else "",
                "note": known[name].note if name in known else "",
            }
            for name in names
        ]

    async def _answering(self) -> list[str]:
        """Who would answer now; nobody while the model is away."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._models.served()
        except (PetraError, TimeoutError):
            return []
