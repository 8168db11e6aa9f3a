"""How likely the model itself held a token, before anything was done to its logits."""

from __future__ import annotations

import numpy as np

from petra.inference.worker.decoder import Chosen
from petra.inference.worker.llamacpp.candidates import Logits


class Probabilities:
    """Natural logarithms of probability over `logits`, with the `count` likeliest tokens."""

    def __init__(self, logits: Logits, count: int) -> None:
        best = float(logits.max())
        self._total = best + float(np.log(np.exp(logits - best).sum(dtype=np.float64)))
        self._logits = logits
        count = min(count, len(logits))
        likeliest = np.argpartition(logits, -count)[-count:] if count else np.empty(0, np.intp)
        order = np.lexsort((likeliest, -logits[likeliest]))
        self._top = tuple((int(token), self._of(int(token))) for token in likeliest[order])

    def of(self, token: int) -> Chosen:
        """The token with what is known of it. The logits have to be what they were."""
        return Chosen(token, self._of(token), self._top)

    def _of(self, token: int) -> float:
        return float(self._logits[token]) - self._total
