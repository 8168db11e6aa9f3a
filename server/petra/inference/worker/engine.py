"""What the HTTP side of a worker asks of the part that runs the model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

Vectors = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Message:
    """One turn. `content` is a person's text: it is never read as special tokens."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy; `seed` None is a new one each time."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int | None = None
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0


@dataclass(frozen=True)
class Generation:
    """A request for text: `messages`, or a plain `prompt` to go on from. `user` names the person."""

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    user: str | None = None


@dataclass(frozen=True)
class Waiting:
    """The request stands in the queue; 0 is next. `estimate_s` seconds until its turn, where known."""

    position: int
    estimate_s: float | None


@dataclass(frozen=True)
class Piece:
    """Text to append."""

    text: str


@dataclass(frozen=True)
class Ended:
    """The last event. `reused_tokens` of the prompt's were still in the cache."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int = 0


Event = Waiting | Piece | Ended


class Engine(Protocol):
    """Common to all engines. `health` has at least busy, queued, served, progress_age_s, degraded."""

    name: str

    def health(self) -> dict[str, Any]:
        """Values for `/health`; must answer at once."""
        ...

    async def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text, without special ones."""
        ...

    async def close(self) -> None:
        """End the work under way and free the model."""
        ...


class ChatEngine(Engine, Protocol):
    """A model that writes."""

    context: int

    def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """Write an answer. Closing the generator cancels it. Before its first event it may raise Busy,
        TooLarge (naming the tokens over) or BadRequest; later ModelUnavailable."""
        ...


class Embedder(Engine, Protocol):
    """A model that turns texts into vectors of length 1."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors, float32 (n, d)."""
        ...
