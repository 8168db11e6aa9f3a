"""With what each token begins, so that a grammar need not try all of them."""

from __future__ import annotations

import ctypes

import numpy as np

from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.candidates import Ids

ASCII = 128


class Initials:
    """`bytes` are the tokens of one byte. Of them `single` are those of one ASCII character, which stand for
    all tokens that begin with it."""

    def __init__(self, vocab: int, count: int) -> None:
        buffer = ctypes.create_string_buffer(1)
        first = np.zeros(count, np.uint8)
        single: dict[int, int] = {}
        for token in range(count):
            # The size of a longer text comes back negative, and the text is not written.
            size = native.token_to_piece(vocab, token, buffer, 1, 0, False)
            if size == 1:
                first[token] = buffer.raw[0]
                single.setdefault(buffer.raw[0], token)
            elif size:
                longer = ctypes.create_string_buffer(-size)
                native.token_to_piece(vocab, token, longer, -size, 0, False)
                first[token] = longer.raw[0]
        self.bytes = single
        # Each token's first byte, 0 for what has no text: special tokens.
        self._first = first
        self.single = np.array([token for byte, token in sorted(single.items()) if 0 < byte < ASCII], np.intp)
        self._known = np.zeros(256, bool)
        self._known[first[self.single]] = True

    def beginning(self, allowed: Ids) -> Ids:
        """The tokens that may be allowed when of `single` only these are."""
        possible = ~self._known
        possible[0] = False
        possible[self._first[allowed]] = True
        return np.flatnonzero(possible[self._first])
