"""What the scheduler asks of the part that computes: llama.cpp, or a stand-in without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from petra.inference.worker.engine import Sampling

# What `Decoder.decode` returns, as llama_decode does; anything below 0 is a failure.
DONE, NO_ROOM, ABORTED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Row:
    """One token of a batch, and whether a token will be chosen after it."""

    token: int
    position: int
    sequence: int
    logits: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token, with its natural logarithm of probability and that of the likeliest, where asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Sampler(Protocol):
    """Chooses the tokens of one sequence."""

    def sample(self, row: int) -> Chosen:
        """The token after row `row` of the last batch; it counts as said."""
        ...

    def close(self) -> None:
        """Free it."""
        ...


class Decoder(Protocol):
    """A model's cache of keys and values and its step function. For one thread, except where said.

    `cells` is the room of the cache and `context` that of one sequence, in tokens; sequences go by the
    numbers below `sequences`; `batch` is the most rows of one step. In a `unified` cache a copied prefix
    takes no room of its own. `can_trim` is false for models that can only forget a sequence whole.
    """

    cells: int
    context: int
    sequences: int
    batch: int
    unified: bool
    can_trim: bool

    def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
        """Compute a step: DONE, NO_ROOM (nothing has changed), ABORTED or a number below 0 (some rows
        may be in the cache: trim by what was there before)."""
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Make `target` the first `length` tokens of `source`; nothing where that is not possible."""
        ...

    def length(self, sequence: int) -> int:
        """Tokens of a sequence in the cache."""
        ...

    def trim(self, sequence: int, length: int) -> bool:
        """Keep the first `length` tokens. False where the model cannot: the sequence is empty then."""
        ...

    def save(self, sequence: int, start: int = 0) -> bytes:
        """The state of a sequence from token `start` on; `start` above 0 only in a unified cache."""
        ...

    def restore(self, sequence: int, state: bytes, start: int = 0) -> bool:
        """Put a saved state behind the first `start` tokens, which are there. False when there is no
        room; the sequence is empty then."""
        ...

    def sampler(self, sampling: Sampling, prompt: Sequence[int]) -> Sampler:
        """A chooser for one answer after `prompt`. May be called from any thread. Raises BadRequest for
        a grammar that is none."""
        ...

    def interrupt(self, on: bool) -> None:
        """Make the step under way, and those after it, return ABORTED soon. May be called from any
        thread."""
        ...

    def set_threads(self, threads: int) -> None:
        """Compute the next steps with so many threads."""
        ...
