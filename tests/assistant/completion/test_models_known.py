"""What is remembered of the models that people ask for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from petra.assistant.completion.completing import REMEMBERED, Completing, Off
from petra.assistant.models import Models
from petra.errors import ModelUnavailable


async def test_names_that_editors_make_up_are_not_kept_for_ever() -> None:
    asked = []

    async def nobody(waiting: Any) -> Any:
        asked.append(1)
        raise ModelUnavailable("The model is away")

    parts: Any = SimpleNamespace(models=Models(nobody))
    completing = Completing(parts, parts, parts)
    for number in range(10 * REMEMBERED):
        assert isinstance(await completing.model(f"model {number}"), Off)

    assert len(completing._known) == REMEMBERED
    before = len(asked)
    await completing.model(f"model {10 * REMEMBERED - 1}")
    assert len(asked) == before, "the last ones are remembered"
