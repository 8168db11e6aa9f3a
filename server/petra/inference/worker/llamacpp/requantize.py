"""A copy of the weights in a format whose rows this CPU multiplies several at a time.

For some formats llama.cpp has no such kernels (`ggml-cpu/llamafile/sgemm.cpp` and `ggml-cpu/repack.cpp` name
those that have), so a prompt is read as slowly as an answer is written. Q8_0 has them everywhere, and finer
steps than what it copies. Measured for Q4_1 (docs/performance.md): prompts are read 1.6 times as fast, and
the next token's distribution differs as little as when the file's own numbers are computed with exactly.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import llama_cpp as lib

from petra.errors import ModelFileError
from petra.inference.installed import MANIFEST
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.model import LlamaModel

SLOW = frozenset({lib.LLAMA_FTYPE_MOSTLY_Q4_1, lib.LLAMA_FTYPE_MOSTLY_Q5_1})
FAST, SUFFIX = lib.LLAMA_FTYPE_MOSTLY_Q8_0, ".q8_0.gguf"
# Each token of an answer reads all the weights: the larger the model, the more the copy's bytes cost.
MOST_BYTES = 256 << 20
# Room on the disk, in sizes of the file: Q8_0 has 34 bytes for the 20 of Q4_1.
ROOM = 2


def load(path: Path) -> LlamaModel:
    """The model of `path`, from its faster copy where one pays. That is made once, and only in a folder of
    Petra's own: nothing is left beside a person's files. Raises ModelFileError."""
    copy = path.with_name(path.stem + SUFFIX)
    if (kept := _kept(copy, path)) is not None:
        return kept
    model = LlamaModel(path)
    if not _pays(model) or not _make(copy, path):
        return model
    faster = _kept(copy, path)
    if faster is None:
        return model
    model.close()
    return faster


def _pays(model: LlamaModel) -> bool:
    """Whether the copy would be faster, and there is a place for it."""
    folder = model.path.parent
    if model.gpu or model.format not in SLOW or model.size > MOST_BYTES or not (folder / MANIFEST).is_file():
        return False
    return shutil.disk_usage(folder).free > ROOM * model.size


def _kept(copy: Path, path: Path) -> LlamaModel | None:
    """The copy, if it was made of this file: it bears the same time of modification."""
    try:
        if copy.stat().st_mtime_ns != path.stat().st_mtime_ns:
            return None
        return LlamaModel(copy)
    except (OSError, ModelFileError):
        return None


def _make(copy: Path, path: Path) -> bool:
    """Write the copy, whole or not at all, with the file's permissions; False where that cannot be done."""
    native.start()
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = FAST, True
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=SUFFIX, dir=copy.parent)
        os.close(handle)
    except OSError:
        return False
    scratch = Path(name)
    try:
        if lib.llama_model_quantize(str(path).encode(), name.encode(), ctypes.byref(params)):
            return False
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        shutil.copystat(path, scratch)
        scratch.replace(copy)
    except OSError:
        return False
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return True
