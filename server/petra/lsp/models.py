"""`petra/models`: which models there are, and which a question may name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from petra.assistant.offered import Offered
from petra.lsp.feature import Method


@attrs.frozen(kw_only=True)
class ModelsParams:
    """Nothing to say."""


class ModelList:
    """The models, for one session."""

    def __init__(self, offered: Offered) -> None:
        self._offered = offered

    def methods(self) -> Sequence[Method]:
        """What this feature answers."""
        return (Method("petra/models", "read_models", self.models, ModelsParams),)

    async def models(self, _: ModelsParams) -> dict[str, Any]:
        """`{models}`."""
        return {"models": await self._offered.all()}
