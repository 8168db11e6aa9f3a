"""The tokens that a grammar allows next."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

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
# llama.cpp follows every way to read a token to its end: as many as a place has, to the power of its bytes.
# Tokens that could have more than this are read byte by byte instead, and of them only the likeliest.
MOST_READINGS = 1_000_000
MOST_LONG = 24


class Constraint:
    """Where an answer is in its grammar."""

    def __init__(self, model: LlamaModel, grammar: str) -> None:
        """Raises BadRequest for a grammar that is none."""
        ways = gbnf.check(grammar)
        self._short = max(1, int(math.log(MOST_READINGS, max(ways, 2))))
        self._model = model
        self._initials = model.initials
        self._ends = np.array(sorted(model.end_tokens), np.intp)
        text = grammar.encode("utf-8", "replace")
        self._native = lib.llama_sampler_init_grammar(model.vocab, text, b"root")
        if not self._native:
            raise wrong("llama.cpp cannot read it")
        self._free = native.freed(self, self._native)
        # What is asked of one token at a time, 200 times where tokens are read byte by byte, is made once.
        self._one = lib.llama_token_data()
        self._alone = lib.llama_token_data_array(
            data=ctypes.pointer(self._one), size=1, selected=-1, sorted=False
        )
        # The token that was found to follow, and the state behind it.
        self._ahead: tuple[int, Any, Callable[[], object]] | None = None

    def allows(self, token: int) -> bool:
        """Whether `token` may come next."""
        # llama.cpp would read the name of a special token as text.
        if not self._initials.said[token]:
            return False
        parts = self._bytes(token)
        return self._follows(token, parts) if len(parts) > 1 else self._may(self._native, token)

    def allowed(self, logits: Logits, count: int) -> Candidates:
        """At least the `count` likeliest tokens that may come next, or all of them. None has a logit of minus
        infinity.

        Where nearly everything may come, as in a string, they are among the likeliest of all; where little
        may, only those are tried whose first byte alone may come. Each takes 0.3 ms, all tokens 5."""
        if count <= NEAR // 2 < len(logits) // 4:
            near = np.argpartition(logits, -NEAR)[-NEAR:]
            found = self._allowed(candidates(near[self._initials.said[near]], logits), count)
            if len(found) >= count:
                return found
        single = self._asked(candidates(self._initials.single))["id"]
        ids = np.concatenate([self._initials.beginning(single), self._ends])
        return self._allowed(candidates(ids, logits), count)

    def _allowed(self, tried: Candidates, count: int) -> Candidates:
        """Those that may come next; of the long ones no more than `count`."""
        long = self._initials.lengths[tried["id"]] > self._short
        found = self._asked(tried[~long])
        rest = tried[long]
        rest = rest[np.argsort(-rest["logit"])[:MOST_LONG]]
        kept: list[int] = []
        until = time.thread_time() + MOST_SEARCHING
        for number, token in enumerate(rest["id"].tolist()):
            if len(kept) < count and self.allows(token):
                kept.append(number)
            if time.thread_time() > until:
                raise _too_long()
        return np.concatenate([found, rest[kept]]) if kept else found

    def _asked(self, tried: Candidates) -> Candidates:
        array = native_array(tried)
        _within(MOST_SEARCHING, lib.llama_sampler_apply, self._native, ctypes.byref(array))
        allowed: Candidates = tried[np.isfinite(tried["logit"])]
        return allowed

    def _may(self, state: Any, token: int) -> bool:
        self._one.id, self._one.logit = token, 0.0
        _within(MOST_SEARCHING, lib.llama_sampler_apply, state, ctypes.byref(self._alone))
        return math.isfinite(self._one.logit)

    def _follows(self, token: int, parts: Sequence[int]) -> bool:
        """Whether a token of several bytes may come next. Byte by byte, on a copy: ways that meet again
        count once then, where llama.cpp would follow each of them to the token's end."""
        if not self._may(self._native, parts[0]):
            return False
        state = lib.llama_sampler_clone(self._native)
        free = native.freed(self, state)
        for number, part in enumerate(parts):
            if number and not self._may(state, part):
                free()
                return False
            _accept(state, part)
        self._forget_ahead()
        self._ahead = token, state, free
        return True

    def _bytes(self, token: int) -> list[int]:
        """The tokens of its bytes; itself where there are not all of them, or it is an end."""
        if self._model.ends(token):
            return [token]
        single = self._initials.bytes
        parts = [single.get(byte, -1) for byte in self._model.piece(token)]
        return [token] if -1 in parts else parts

    def accept(self, token: int) -> None:
        """`token`, which is allowed, was said."""
        if self._model.ends(token):
            return
        if self._ahead and self._ahead[0] == token:
            self._free()
            _, self._native, self._free = self._ahead
            self._ahead = None
            return
        # Byte by byte where that can be: the cost may be multiplied by each, and is looked at after it.
        for part in self._bytes(token):
            _accept(self._native, part)

    def _forget_ahead(self) -> None:
        if self._ahead:
            self._ahead[2]()
            self._ahead = None

    def close(self) -> None:
        """Free it."""
        self._forget_ahead()
        self._free()


def _accept(state: Any, token: int) -> None:
    _within(MOST_ACCEPTING, lib.llama_sampler_accept, state, token)


def _within(seconds: float, function: Callable[..., object], *arguments: Any) -> None:
    """Call it. Raises BadRequest when it took longer."""
    until = time.thread_time() + seconds
    function(*arguments)
    if time.thread_time() > until:
        raise _too_long()


def _too_long() -> BadRequest:
    return BadRequest(
        "The grammar takes too long",
        cause="It is ambiguous: there are too many ways to read what the answer has so far",
        remedy="Write it so that the next character says which rule goes on",
    )
