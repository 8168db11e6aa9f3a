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
    """How the next token is chosen, in the words of llama-server. Temperature 0 is greedy; `seed` None is
    a new one each time. `repeat_last_n` tokens count for the three penalties. `grammar` is GBNF.
    `logprobs` asks for the probability of each token and of that many of the likeliest."""

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    seed: int | None = None
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_last_n: int = 64
    logit_bias: tuple[tuple[int, float], ...] = ()
    ignore_eos: bool = False
    grammar: str | None = None
    logprobs: int | None = None


@dataclass(frozen=True)
class Generation:
    """A request for text: `messages`, or a plain `prompt` to go on from; with `suffix`, the text between
    the two. `user` names the person, None the endpoint's owner. What the first `public_messages` messages
    cost may be shared between persons. `n` answers are written; `cache_prompt` False reads all anew."""

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    suffix: str | None = None
    n: int = 1
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    user: str | None = None
    public_messages: int = 0
    cache_prompt: bool = True
    adapter: str | None = None

    @property
    def texts(self) -> list[str]:
        """All that has to be tokenised."""
        return [self.prompt or "", self.suffix or "", *(one.content for one in self.messages)]


@dataclass(frozen=True)
class Waiting:
    """The request stands in the queue; 0 is next. `estimate_s` seconds until its turn, where known."""

    position: int
    estimate_s: float | None


@dataclass(frozen=True)
class TokenLogprob:
    """A token's bytes and natural logarithm of probability, and the likeliest in its place."""

    piece: bytes
    logprob: float
    top: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True)
class Piece:
    """Text to append to answer `index`. May be empty when it only brings `logprobs`."""

    text: str
    index: int = 0
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """Answer `index` is whole."""

    reason: Literal["stop", "length"]
    index: int = 0


@dataclass(frozen=True)
class Ended:
    """The last event, after every answer has stopped. `reused_tokens` of the prompt's were still in the
    cache. Seconds: until the request was admitted, of reading the prompt, and of writing."""

    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int = 0
    queue_s: float = 0.0
    prompt_s: float = 0.0
    writing_s: float = 0.0


Event = Waiting | Piece | Stopped | Ended


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
    """A model that writes. `infill` says whether it can fill in the middle, `adapters` names its LoRAs."""

    context: int
    infill: bool
    adapters: tuple[str, ...]

    def generate(self, request: Generation) -> AsyncGenerator[Event]:
        """Write an answer. Closing the generator cancels it. Before its first event it may raise Busy,
        TooLarge (naming the tokens over) or BadRequest; later ModelUnavailable."""
        ...


class Embedder(Engine, Protocol):
    """A model that turns texts into vectors of length 1."""

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors, float32 (n, d)."""
        ...


class Reranker(Engine, Protocol):
    """A model that reads a question and a text together."""

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """How well each document answers the query, 0 to 1."""
        ...
