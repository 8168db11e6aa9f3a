"""The choice of the next token, in the order of llama-server: penalties and bias, top-k, top-p, min-p,
temperature, chance."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llama_cpp as lib
import numpy as np

from petra.errors import BadRequest
from petra.inference.worker.decoder import Chosen
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.candidates import Candidates, Ids, Logits, candidates, native_array
from petra.inference.worker.llamacpp.constraint import Constraint
from petra.inference.worker.llamacpp.logprobs import Probabilities
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.llamacpp.penalties import Penalties

# How far below the best logit the k-th is looked for at first; it is learnt from token to token.
MARGIN = 6.0


class LlamaSampler:
    """`Sampler` of one sequence. `logits` gives those of a row.

    With a grammar a token is chosen first and asked after: that costs 20 µs, to find others that are allowed
    0.3 ms and more.
    """

    def __init__(
        self,
        model: LlamaModel,
        logits: Callable[[int], Logits],
        sampling: Sampling,
        prompt: Sequence[int],
    ) -> None:
        """Raises BadRequest for a grammar that is none and a bias of a token that is none."""
        self._logits = logits
        self._logprobs = sampling.logprobs
        self._end = min(model.end_tokens, default=None)
        self._penalties = Penalties(sampling, prompt, model)
        self._greedy = sampling.temperature <= 0
        self._top_k = min(sampling.top_k, model.vocabulary) if sampling.top_k > 0 else model.vocabulary
        self._margin = MARGIN
        self._constraint = Constraint(model, sampling.grammar) if sampling.grammar else None
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for part in _parts(sampling):
            lib.llama_sampler_chain_add(self._chain, part)
        self._free = native.freed(self, self._chain)

    def sample(self, row: int) -> Chosen:
        """See Sampler. Raises BadRequest when the grammar costs too much."""
        logits = self._logits(row)
        probabilities = None if self._logprobs is None else Probabilities(logits, self._logprobs)
        with self._penalties.applied(logits):
            token = self._choose(logits)
        self._penalties.accept(token)
        if self._constraint:
            self._constraint.accept(token)
        return probabilities.of(token) if probabilities else Chosen(token)

    def _choose(self, logits: Logits) -> int:
        if self._greedy:
            token = int(logits.argmax())
        else:
            token = self._apply(candidates(self._likeliest(logits), logits))
        if self._constraint is None or self._constraint.allows(token):
            return token
        allowed = self._constraint.allowed(logits, 1 if self._greedy else self._top_k)
        if len(allowed):
            return self._apply(allowed)
        # The grammar is at its end, and ends are not wanted; or no token of this model goes on with it.
        if self._end is None:
            raise BadRequest("The grammar is at its end", cause="This model has no token to say so")
        return self._end

    def _apply(self, records: Candidates) -> int:
        array = native_array(records)
        native.apply_sampler(self._chain, ctypes.byref(array))
        return int(records["id"][array.selected])

    def _likeliest(self, logits: Logits) -> Ids:
        """At least the top-k tokens, in any order: handing on only them takes 20 µs in place of 57."""
        count = self._top_k
        if count == len(logits):
            return np.arange(count)
        ids = np.flatnonzero(logits > logits.max() - self._margin)
        if len(ids) < count:
            self._margin += 2.0
            return np.argpartition(logits, -count)[-count:]
        if len(ids) > 20 * count:
            self._margin = max(self._margin - 0.5, 0.5)
        return ids

    def close(self) -> None:
        """See Sampler."""
        self._free()
        if self._constraint:
            self._constraint.close()


def _parts(sampling: Sampling) -> list[Any]:
    if sampling.temperature <= 0:
        return [lib.llama_sampler_init_greedy()]
    parts = [lib.llama_sampler_init_top_k(sampling.top_k)]
    if sampling.top_p < 1:
        parts.append(lib.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        parts.append(lib.llama_sampler_init_min_p(sampling.min_p, 1))
    parts.append(lib.llama_sampler_init_temp(sampling.temperature))
    seed = native.RANDOM_SEED if sampling.seed is None else sampling.seed & native.RANDOM_SEED
    return [*parts, lib.llama_sampler_init_dist(seed)]
