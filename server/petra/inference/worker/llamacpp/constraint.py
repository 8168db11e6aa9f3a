"""The tokens that a grammar allows next."""

from __future__ import annotations

import ctypes
import time

import llama_cpp as lib
import numpy as np

from petra.errors import BadRequest
from petra.inference.worker.llamacpp import gbnf
from petra.inference.worker.llamacpp.candidates import Candidates, Logits, candidates, native_array
from petra.inference.worker.llamacpp.gbnf_syntax import wrong
from petra.inference.worker.llamacpp.model import LlamaModel

# An ambiguous grammar may cost more with every token, and everybody waits for it: it ends here.
MOST_SECONDS = 0.5


class Constraint:
    """Where an answer is in its grammar."""

    def __init__(self, model: LlamaModel, grammar: str) -> None:
        """Raises BadRequest for a grammar that is none."""
        gbnf.check(grammar)
        self._model = model
        self._initials = model.initials
        self._ends = np.array(sorted(model.end_tokens), np.intp)
        text = grammar.encode("utf-8", "replace")
        self._native = lib.llama_sampler_init_grammar(model.vocab, text, b"root")
        if not self._native:
            raise wrong("llama.cpp cannot read it")

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""
        if not self._model.piece(token) and not self._model.ends(token):
            return False  # llama.cpp would read the name of a special token as text
        return len(self._allowed(candidates(np.array([token])))) > 0

    def allowed(self, logits: Logits) -> Candidates:
        """Every token that may come next and whose logit is above minus infinity.

        Only those are tried whose first character alone may come: most often 0.3 ms in place of 5."""
        single = self._allowed(candidates(self._initials.single))["id"]
        ids = np.concatenate([self._initials.beginning(single), self._ends])
        return self._allowed(candidates(ids, logits))

    def _allowed(self, tried: Candidates) -> Candidates:
        array = native_array(tried)
        begun = time.thread_time()
        lib.llama_sampler_apply(self._native, ctypes.byref(array))
        if time.thread_time() - begun > MOST_SECONDS:
            raise BadRequest(
                "The grammar takes too long",
                cause="It is ambiguous: there are too many ways to read what the answer has so far",
                remedy="Write it so that the next character says which rule goes on",
            )
        allowed: Candidates = tried[np.isfinite(tried["logit"])]
        return allowed

    def accept(self, token: int) -> None:
        """`token`, which is allowed, was said."""
        if not self._model.ends(token):
            lib.llama_sampler_accept(self._native, token)

    def close(self) -> None:
        """Free it."""
        lib.llama_sampler_free(self._native)
