"""What is asked of the batcher: an answer to write, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import Literal, Protocol

from petra.errors import PetraError
from petra.inference.worker.decoder import Chosen, Sampler

Reason = Literal["stop", "length"]


class Listener(Protocol):
    """Who asked. All but `gone` are called by the batcher's thread."""

    @property
    def gone(self) -> bool:
        """Whether nobody wants the answer any more."""
        ...

    def began(self, reused: int) -> None:
        """It was admitted; `reused` tokens of its prompt need not be read."""
        ...

    def said(self, chosen: Chosen) -> Reason | None:
        """The next token; a reason when it was the last one."""
        ...

    def ended(self, reason: Reason) -> None:
        """The answer is whole."""
        ...

    def failed(self, error: PetraError) -> None:
        """There will be no more of it."""
        ...


@dataclass(eq=False)
class Work:
    """One answer to write.

    At most `most` tokens after `tokens`, which together fit into the model's context, in at most `seconds`
    from its admission. `reserve` of them are certain to find room. The first `public` tokens may be shared
    with everybody. `reuse` false reads all anew. `sampler` is closed at the end.
    """

    tokens: list[int]
    sampler: Sampler
    listener: Listener
    most: int
    owner: str | None = None
    public: int = 0
    adapter: str | None = None
    reserve: int = 0
    reuse: bool = True
    seconds: float = 600.0
    number: int = field(default_factory=count().__next__)
    since: float = 0.0
    started: float | None = None
    said: list[int] = field(default_factory=list)
