"""What is done to the logits of single tokens before one is chosen."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from petra.errors import BadRequest
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp.candidates import Logits
from petra.inference.worker.llamacpp.model import LlamaModel


class Penalties:
    """What changes single logits: the tokens that were said lately, and the bias of the request.

    llama.cpp's own sampler looks every candidate up: 330 µs a token where this takes 15. Same formula
    (CTRL, arXiv:1909.05858, with the sign mended).
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int], model: LlamaModel) -> None:
        """Raises BadRequest for the bias of a token that is none."""
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
        wrong = [token for token, _ in sampling.logit_bias if not 0 <= token < model.vocabulary]
        if wrong:
            raise BadRequest(
                f"logit_bias names token {wrong[0]}",
                cause=f"The model has the tokens 0 to {model.vocabulary - 1}",
            )
        bias = dict(sampling.logit_bias) | (
            dict.fromkeys(model.end_tokens, -np.inf) if sampling.ignore_eos else {}
        )
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
