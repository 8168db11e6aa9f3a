"""The choice of the next token, in the order of llama-server: penalties and bias, top-k, top-p, min-p,
temperature, chance."""

from __future__ import annotations

import ctypes
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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

# How far below the best logit the k-th is looked for at first; it is learnt from token to token.
MARGIN = 6.0


class LlamaSampler:
    """`Sampler` of one sequence. `logits` gives those of a row.

    With a grammar a token is chosen first and asked after: that costs 20 µs, to find all that are allowed
    0.3 to 5 ms.
    """

    def __init__(
        self,
        model: LlamaModel,
        logits: Callable[[int], Logits],
        sampling: Sampling,
        prompt: Sequence[int],
    ) -> None:
        """Raises BadRequest for a grammar that is none and a bias of a token that is none."""
        _check_bias(sampling, model.vocabulary)
        self._logits = logits
        self._logprobs = sampling.logprobs
        self._end = min(model.end_tokens, default=None)
        self._penalties = Penalties(sampling, prompt, model.end_tokens)
        self._greedy = sampling.temperature <= 0
        self._top_k = min(sampling.top_k, model.vocabulary) if sampling.top_k > 0 else model.vocabulary
        self._margin = MARGIN
        self._constraint = Constraint(model, sampling.grammar) if sampling.grammar else None
        self._chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for part in _parts(sampling):
            lib.llama_sampler_chain_add(self._chain, part)

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
        allowed = self._constraint.allowed(logits)
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
        lib.llama_sampler_free(self._chain)
        if self._constraint:
            self._constraint.close()


class Penalties:
    """What changes single logits: the tokens that were said lately, and the bias of the request.

    llama.cpp's own sampler looks every candidate up: 330 µs a token where this takes 15. Same formula
    (CTRL, arXiv:1909.05858, with the sign mended).
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int], ends: frozenset[int]) -> None:
        self._repeat = sampling.repeat_penalty
        self._frequency, self._presence = sampling.frequency_penalty, sampling.presence_penalty
        last = sampling.repeat_last_n
        on = last and (self._repeat, self._frequency, self._presence) != (1.0, 0.0, 0.0)
        self._window = (last if last > 0 else None) if on else 0
        self._recent: deque[int] = deque()
        self._counts: Counter[int] = Counter()
        if on:
            for token in prompt if last < 0 else prompt[-last:]:
                self.accept(token)
        bias = dict(sampling.logit_bias) | (dict.fromkeys(ends, -np.inf) if sampling.ignore_eos else {})
        self._biased = np.fromiter(bias.keys(), np.int64, len(bias))
        self._bias = np.fromiter(bias.values(), np.float32, len(bias))

    def accept(self, token: int) -> None:
        """`token` was said."""
        if self._window == 0:
            return
        self._recent.append(token)
        self._counts[token] += 1
        if self._window is not None and len(self._recent) > self._window:
            oldest = self._recent.popleft()
            self._counts[oldest] -= 1
            if not self._counts[oldest]:
                del self._counts[oldest]

    @contextmanager
    def applied(self, logits: Logits) -> Iterator[None]:
        """Change `logits` in place, and put them back: others may choose after the same row."""
        said = np.fromiter(self._counts.keys(), np.int64, len(self._counts))
        saved = logits[said], logits[self._biased]
        if len(said):
            counts = np.fromiter(self._counts.values(), np.float32, len(said))
            values = np.where(saved[0] > 0, saved[0] / self._repeat, saved[0] * self._repeat)
            logits[said] = values - counts * self._frequency - self._presence
        logits[self._biased] += self._bias
        try:
            yield
        finally:
            logits[self._biased] = saved[1]
            logits[said] = saved[0]


def _check_bias(sampling: Sampling, vocabulary: int) -> None:
    wrong = [token for token, _ in sampling.logit_bias if not 0 <= token < vocabulary]
    if wrong:
        raise BadRequest(
            f"logit_bias names token {wrong[0]}", cause=f"The model has the tokens 0 to {vocabulary - 1}"
        )


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
