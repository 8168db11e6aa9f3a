"""The tokens that a grammar allows next."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp as lib
import numpy as np

from petra.errors import BadRequest
from petra.inference.worker.llamacpp import gbnf, native
from petra.inference.worker.llamacpp.candidates import Candidates, Logits, candidates, native_array
from petra.inference.worker.llamacpp.gbnf_syntax import wrong
from petra.inference.worker.llamacpp.model import LlamaModel

# So many of the likeliest tokens are tried first.
NEAR = 512
# An ambiguous grammar costs more with every character, and everybody waits for it: it ends here. Seconds of
# CPU time to find what may come next, and to go on by one byte; most take 5 ms and 10 µs.
MOST_SEARCHING = 0.5
MOST_ACCEPTING = 0.03


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
        self._free = native.freed(self, self._native)

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""
        # llama.cpp would read the name of a special token as text.
        return bool(self._initials.said[token]) and len(self._allowed(candidates(np.array([token])))) > 0

    def allowed(self, logits: Logits, count: int) -> Candidates:
        """At least the `count` likeliest tokens that may come next, or all of them. None has a logit of minus
        infinity.

        Where nearly everything may come, as in a string, they are among the likeliest of all; where little
        may, only those are tried whose first byte alone may come. Each takes 0.3 ms, all tokens 5."""
        if count <= NEAR // 2 < len(logits) // 4:
            near = np.argpartition(logits, -NEAR)[-NEAR:]
            found = self._allowed(candidates(near[self._initials.said[near]], logits))
            if len(found) >= count:
                return found
        single = self._allowed(candidates(self._initials.single))["id"]
        ids = np.concatenate([self._initials.beginning(single), self._ends])
        return self._allowed(candidates(ids, logits))

    def _allowed(self, tried: Candidates) -> Candidates:
        array = native_array(tried)
        with _limited(MOST_SEARCHING):
            lib.llama_sampler_apply(self._native, ctypes.byref(array))
        allowed: Candidates = tried[np.isfinite(tried["logit"])]
        return allowed

    def accept(self, token: int) -> None:
        """`token`, which is allowed, was said."""
        if self._model.ends(token):
            return
        # Byte by byte where that can be: the cost may be multiplied by each, and is looked at after it.
        single = self._initials.bytes
        parts = [single.get(byte) for byte in self._model.piece(token)]
        for part in [token] if None in parts else parts:
            with _limited(MOST_ACCEPTING):
                lib.llama_sampler_accept(self._native, part)

    def close(self) -> None:
        """Free it."""
        self._free()


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    begun = time.thread_time()
    yield
    if time.thread_time() - begun > seconds:
        raise BadRequest(
            "The grammar takes too long",
            cause="It is ambiguous: there are too many ways to read what the answer has so far",
            remedy="Write it so that the next character says which rule goes on",
        )
