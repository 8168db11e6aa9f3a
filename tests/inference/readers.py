"""Whoever asks a batcher, without text."""

from __future__ import annotations

from dataclasses import dataclass, field

from petra.errors import PetraError
from petra.inference.worker.decoder import Chosen
from petra.inference.worker.work import Reason


@dataclass
class Reader:
    """A Listener that remembers."""

    said_tokens: list[int] = field(default_factory=list)
    gone: bool = False
    reason: Reason | None = None
    error: PetraError | None = None
    reused: int | None = None

    def began(self, reused: int) -> None:
        assert self.reused is None
        self.reused = reused

    def said(self, chosen: Chosen) -> Reason | None:
        assert self.reason is None and self.error is None
        self.said_tokens.append(chosen.token)
        return None

    def ended(self, reason: Reason) -> None:
        assert self.reason is None and self.error is None
        self.reason = reason

    def failed(self, error: PetraError) -> None:
        assert self.reason is None and self.error is None
        self.error = error
