"""The rows of one step in llama.cpp's form, without a call per field."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp as lib
import numpy as np

from petra.inference.worker.decoder import Row


class Batch:
    """Arrays for at most `size` rows of `sequences`, filled anew at every step."""

    def __init__(self, size: int, sequences: int) -> None:
        self._most = sequences
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._sequences = np.zeros(size, np.int32)
        self._logits = np.zeros(size, np.int8)
        self._ones = np.ones(size, np.int32)
        # One sequence a row: pointers to the places of one array.
        self._pointers = self._sequences.ctypes.data + 4 * np.arange(size, dtype=np.uintp)
        self.native = lib.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, lib.llama_token),
            embd=None,
            pos=_pointer(self._positions, lib.llama_pos),
            n_seq_id=_pointer(self._ones, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(lib.llama_seq_id)),
            logits=_pointer(self._logits, ctypes.c_int8),
        )

    def fill(self, rows: Sequence[Row]) -> None:
        """Put `rows` in. Raises ValueError for a sequence that is none."""
        count = len(rows)
        self._tokens[:count] = [row.token for row in rows]
        self._positions[:count] = [row.position for row in rows]
        sequences = [row.sequence for row in rows]
        if min(sequences) < 0 or max(sequences) >= self._most:
            raise ValueError(f"sequences {min(sequences)} to {max(sequences)} of {self._most}")
        self._sequences[:count] = sequences
        self._logits[:count] = [row.logits for row in rows]
        self.native.n_tokens = count


def _pointer(array: np.ndarray[Any, Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
