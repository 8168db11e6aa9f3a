"""With what each token begins, so that a grammar need not try all of them."""

from __future__ import annotations

import ctypes
from collections.abc import Collection

import numpy as np

from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.candidates import Ids

LONGEST = 64


class Initials:
    """`bytes` are the tokens of one byte, by it; each stands for all tokens that begin with it. `said` tells
    which tokens may be in an answer: those with a text, and the ends; `lengths` how many bytes each has."""

    def __init__(self, vocab: int, count: int, ends: Collection[int]) -> None:
        buffer = ctypes.create_string_buffer(LONGEST)
        first = bytearray(count)
        lengths = np.zeros(count, np.int32)
        single: dict[int, int] = {}
        for token in range(count):
            size = native.token_to_piece(vocab, token, buffer, LONGEST, 0, False)
            lengths[token] = abs(size)
            if size < 0:  # it would have been longer, and is not written
                longer = ctypes.create_string_buffer(-size)
                native.token_to_piece(vocab, token, longer, -size, 0, False)
                first[token] = longer.raw[0]
            elif size:
                first[token] = byte = buffer.raw[0]
                if size == 1:
                    single.setdefault(byte, token)
        self.bytes = single
        self.lengths = lengths
        self.single = np.array(sorted(token for byte, token in single.items() if byte), np.intp)
        # Each token's first byte, 0 for what has no text: special tokens.
        self._first = np.frombuffer(bytes(first), np.uint8)
        self._known = np.zeros(256, bool)
        self._known[self._first[self.single]] = True
        self.said = self._first > 0
        self.said[list(ends)] = True

    def beginning(self, allowed: Ids) -> Ids:
        """The tokens that may be allowed when of `single` only these are."""
        possible = ~self._known
        possible[0] = False
        possible[self._first[allowed]] = True
        return np.flatnonzero(possible[self._first])
