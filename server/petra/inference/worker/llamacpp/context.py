"""The cache of keys and values of many sequences, and the step that fills it."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp as lib
import numpy as np

from petra.errors import ModelFileError, ModelUnavailable
from petra.inference.worker.decoder import ABORTED, DONE, NO_ROOM, Row
from petra.inference.worker.engine import Sampling
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.abort import AbortFlag
from petra.inference.worker.llamacpp.adapters import Adapters
from petra.inference.worker.llamacpp.batch import Batch
from petra.inference.worker.llamacpp.candidates import Logits
from petra.inference.worker.llamacpp.holes import Holes
from petra.inference.worker.llamacpp.model import LlamaModel
from petra.inference.worker.llamacpp.sampler import LlamaSampler

# LLAMA_MAX_SEQ; one of them is the context's own.
MOST_SEQUENCES = 255
# A step may ask for more tokens than there are sequences where several of one are proposed at once.
LEAST_OUTPUTS = 16


@dataclass(frozen=True)
class ContextOptions:
    """Room for `cells` tokens in all and `context` in one of `sequences`; rows of a step and of what is
    computed at once; `flash_attention` None leaves the choice to llama.cpp. A cache that is not `unified`
    has a part for each sequence, where `context` is at most cells / sequences."""

    cells: int
    context: int
    sequences: int
    threads: int
    batch: int = 512
    ubatch: int = 128
    flash_attention: bool | None = None
    unified: bool = True


class LlamaContext:
    """`Decoder` over llama.cpp. For one thread, but for `interrupt` and `sampler`."""

    def __init__(
        self, model: LlamaModel, options: ContextOptions, adapters: Mapping[str, Path] | None = None
    ) -> None:
        """Raises ModelUnavailable when there is no memory, ModelFileError for a file that does not fit."""
        if not 0 < options.sequences <= MOST_SEQUENCES:
            raise ValueError(f"{options.sequences} sequences; llama.cpp has at most {MOST_SEQUENCES}")
        self._model = model
        self.sequences = options.sequences
        self.batch = options.batch
        self.can_trim = model.can_trim
        # A part of a cache in parts can only be copied whole, which those that cannot trim have no use for.
        self.unified = options.unified or not model.can_trim
        self._adapters = Adapters(model, adapters or {})
        self._spare = options.sequences
        self._most_outputs = max(options.sequences + 1, LEAST_OUTPUTS)
        self._context = lib.llama_init_from_model(model.pointer, self._params(options))
        self._memory = lib.llama_get_memory(self._context) if self._context else None
        if not self._memory:
            self._refuse(options)
        room = int(lib.llama_n_ctx_seq(self._context))
        self.cells = room if self.unified else room * options.sequences
        self.context = min(options.context, room, model.trained_context or room)
        self._flag = AbortFlag()
        self._flag.watch(self._context)
        self._batch = Batch(options.batch, options.sequences)
        self._outputs: frozenset[int] = frozenset()
        self._holes = Holes(model.window)
        self._copying: set[int] = set()

    def _params(self, options: ContextOptions) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx = options.cells
        params.n_seq_max = options.sequences + 1 if self.unified else options.sequences
        params.n_batch, params.n_ubatch = options.batch, min(options.ubatch, options.batch)
        params.n_outputs_max = min(self._most_outputs, options.batch)
        params.n_threads = params.n_threads_batch = options.threads
        params.kv_unified = self.unified
        params.swa_full = True  # otherwise no prefix could be used again
        params.flash_attn_type = {
            None: lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
            True: lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
            False: lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
        }[options.flash_attention]
        return params

    def _refuse(self, options: ContextOptions) -> None:
        name = self._model.path.name
        if self._context:
            lib.llama_free(self._context)
            raise ModelFileError(
                f"{name} cannot write", cause="It has no cache of what it has read: it is for embedding"
            )
        raise ModelUnavailable(
            f"There is not enough memory for {name}",
            cause=f"A cache of {options.cells} tokens could not be made",
            remedy="Choose a smaller CONTEXT_TOKENS or a smaller model",
        )

    def close(self) -> None:
        """Free the memory. Nothing may be called after it."""
        lib.llama_free(self._context)

    def decode(self, rows: Sequence[Row], adapter: str | None = None) -> int:
        """See Decoder. Raises ValueError for what would end the process, KeyError for an unknown adapter."""
        outputs = frozenset(index for index, row in enumerate(rows) if row.logits)
        if not 0 < len(rows) <= self.batch or len(outputs) > self._most_outputs:
            raise ValueError(f"{len(rows)} rows, {len(outputs)} of them with logits")
        self._batch.fill(rows)
        self._adapters.use(self._context, adapter)
        self._outputs = frozenset()
        result = int(lib.llama_decode(self._context, self._batch.native))
        if result in (DONE, NO_ROOM, ABORTED):
            self._copying.clear()
        if result == DONE:
            # On a GPU the step goes on; whoever waits for it here does not hold Python's lock.
            lib.llama_synchronize(self._context)
            self._outputs = outputs
        return result

    def copy(self, source: int, target: int, length: int) -> None:
        """See Decoder. What `source` does not have whole is not copied: look at the target's length."""
        self._check(source)
        self._check(target)
        if source == target:
            self.trim(target, length)
            return
        self._clear(target)
        there = self.length(source)
        whole = self.can_trim or length >= there
        if not (length > 0 and there and whole and self._holes.allow(source, length)):
            return
        if self.unified:
            lib.llama_memory_seq_cp(self._memory, source, target, 0, length)
        else:
            # Carried out with the next step. A part of another cache cannot be copied.
            lib.llama_memory_seq_cp(self._memory, source, target, -1, -1)
            self._copying |= {source, target}
        self._holes.copy(source, target, length)
        if not self.unified:
            self.trim(target, length)

    def trim(self, sequence: int, length: int) -> bool:
        """See Decoder."""
        self._check(sequence)
        if length >= self.length(sequence):
            return True
        kept = length > 0 and self._holes.allow(sequence, length)
        if kept and lib.llama_memory_seq_rm(self._memory, sequence, length, -1):
            self._holes.trim(sequence, length)
            return True
        self._clear(sequence)
        return length <= 0

    def length(self, sequence: int) -> int:
        """See Decoder."""
        self._check(sequence)
        return int(lib.llama_memory_seq_pos_max(self._memory, sequence)) + 1

    def _clear(self, sequence: int) -> None:
        lib.llama_memory_seq_rm(self._memory, sequence, -1, -1)
        self._holes.clear(sequence)

    def _check(self, sequence: int) -> None:
        if not 0 <= sequence < self.sequences:
            raise ValueError(f"sequence {sequence} of {self.sequences}")

    def save(self, sequence: int, start: int = 0) -> bytes:
        """See Decoder."""
        self._check(sequence)
        if start and not self.unified:
            raise ValueError("Only a unified cache can save a part of a sequence")
        self._finish_copying(sequence)
        source = sequence
        if start:
            source = self._spare
            lib.llama_memory_seq_cp(self._memory, sequence, source, start, -1)
        size = lib.llama_state_seq_get_size(self._context, source)
        state = (ctypes.c_uint8 * size)()
        written = lib.llama_state_seq_get_data(self._context, state, size, source)
        if start:
            lib.llama_memory_seq_rm(self._memory, source, -1, -1)
        return bytes(memoryview(state)[:written])

    def restore(self, sequence: int, state: bytes, start: int = 0) -> bool:
        """See Decoder."""
        self._check(sequence)
        self._finish_copying(sequence)
        if start and self.length(sequence) != start:
            raise ValueError(f"The sequence has {self.length(sequence)} tokens, not {start}")
        # Reading a state clears the sequence that it is read into.
        target = self._spare if start else sequence
        if not start:
            self._clear(sequence)
        data = ctypes.cast(ctypes.c_char_p(state), ctypes.POINTER(ctypes.c_uint8))
        done = lib.llama_state_seq_set_data(self._context, data, len(state), target)
        if start and done:
            lib.llama_memory_seq_cp(self._memory, target, sequence, start, -1)
        if start:
            lib.llama_memory_seq_rm(self._memory, target, -1, -1)
        if not done:
            self._clear(sequence)
            return False
        self._holes.restore(sequence, start, self.length(sequence))
        return True

    def _finish_copying(self, sequence: int) -> None:
        """Copies between the parts of a cache wait for the next step: take one, and forget it."""
        if sequence not in self._copying:
            return
        length = self.length(sequence)
        self._batch.fill([Row(0, length, sequence, False)])
        self._outputs = frozenset()
        lib.llama_decode(self._context, self._batch.native)
        self._copying.clear()
        lib.llama_memory_seq_rm(self._memory, sequence, length, -1)

    def logits(self, row: int) -> Logits:
        """Of row `row` of the last step, float32 (vocabulary,), until the next one. They may be changed,
        and must be put back. Raises ValueError where none were asked for or the step failed."""
        if row not in self._outputs:
            raise ValueError(f"row {row} has no logits")
        address = native.logits_of(self._context, row)
        return np.ctypeslib.as_array((ctypes.c_float * self._model.vocabulary).from_address(address))

    def sampler(self, sampling: Sampling, prompt: Sequence[int]) -> LlamaSampler:
        """See Decoder."""
        return LlamaSampler(self._model, self.logits, sampling, prompt)

    def interrupt(self, on: bool) -> None:
        """See Decoder."""
        self._flag.set(on)

    def set_threads(self, threads: int) -> None:
        """See Decoder."""
        lib.llama_set_n_threads(self._context, threads, threads)
