"""llama.cpp as a library: its log, and those of its functions that take only microseconds."""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Callable
from typing import Any

import llama_cpp as lib

VERSION: str = lib.__version__
RANDOM_SEED = 0xFFFFFFFF
WARNING, ERROR = 3, 4
M_MMAP_THRESHOLD = -3  # malloc.h
LARGE = 1 << 20
# What `decode` reports by its result, or what is as intended: a step was interrupted, the cache is full, or
# as a whole longer than what the model was trained on, or kept where the model would not look any more.
EXPECTED = (
    "decode: failed to find a memory slot",
    "decode: removing memory module entries",
    "graph_compute: ggml_backend_sched_graph_compute_async failed with error 1",
    "process_ubatch: failed to compute graph, compute status: 1",
    "llama_decode: failed to decode, ret = 1",
    "llama_decode: failed to decode, ret = 2",
    "llama_context: n_ctx_seq",
    "llama_kv_cache_iswa: using full-size SWA cache",
    "llama_context: n_ctx is not divisible by n_seq_max",
    "state_read_meta: failed to find available cells",
    "state_seq_set_data: error loading state",
)


@lib.llama_log_callback  # type: ignore[untyped-decorator]
def _log(level: int, text: bytes, _: Any) -> None:
    """Only warnings and errors of llama.cpp; they are about the file and the machine, not about text."""
    line = text.decode("utf-8", "replace")
    if level in (WARNING, ERROR) and not line.startswith(EXPECTED):
        sys.stderr.write(line)


def start() -> None:
    """Make llama.cpp ready; harmless when it is already."""
    lib.llama_log_set(_log, ctypes.c_void_p(0))
    lib.llama_backend_init()
    # Histories that are parked and forgotten go back to the system at once. By itself glibc keeps what is
    # freed, up to 32 MiB a block, in a heap that only grows between what is still held.
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE)


def freed(owner: object, sampler: Any) -> Callable[[], object]:
    """Frees a sampler of llama.cpp, once: when it is called, or when its owner is forgotten, as that of a
    request is whose reader left before it was queued."""
    finalizer = weakref.finalize(owner, lib.llama_sampler_free, sampler)
    finalizer.atexit = False  # the model has gone by then
    return finalizer


def _short(name: str, result: Any, *arguments: Any) -> Any:
    """The function `name`, called without releasing Python's lock: getting it back may cost more than
    the whole call while the event loop is busy (measured: 50 µs became 160)."""
    function = getattr(_held, name)
    function.restype, function.argtypes = result, list(arguments)
    return function


_library = lib.llama_cpp._lib
_held = ctypes.PyDLL(_library._name, handle=_library._handle)
_pointer = ctypes.c_void_p
_array = ctypes.POINTER(lib.llama_token_data_array)

logits_of = _short("llama_get_logits_ith", _pointer, _pointer, ctypes.c_int32)
apply_sampler = _short("llama_sampler_apply", None, _pointer, _array)
is_eog = _short("llama_vocab_is_eog", ctypes.c_bool, _pointer, ctypes.c_int32)
token_to_piece = _short(
    "llama_token_to_piece",
    ctypes.c_int32,
    *(_pointer, ctypes.c_int32, ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_bool),
)
