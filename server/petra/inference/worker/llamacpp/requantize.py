"""A copy of the weights in a format whose rows this CPU multiplies several at a time.

For some formats llama.cpp has no such kernels (`ggml-cpu/llamafile/sgemm.cpp` and `ggml-cpu/repack.cpp` name
those that have), so a prompt is read as slowly as an answer is written. Q8_0 has them everywhere, and finer
steps than what it copies. Measured for Q4_1 (docs/performance.md): prompts are read 1.6 times as fast, and
the next token's distribution differs as little as when the file's own numbers are computed with exactly.

The copy is made in a process of its own, `python -m petra.inference.worker.llamacpp.requantize FILE COPY`:
it holds the largest tensor in float32, for which a small machine may have no room.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import llama_cpp as lib

from petra.errors import ModelFileError
from petra.inference.installed import COPY, MANIFEST
from petra.inference.worker.llamacpp import native
from petra.inference.worker.llamacpp.model import LlamaModel

SLOW = frozenset({lib.LLAMA_FTYPE_MOSTLY_Q4_1, lib.LLAMA_FTYPE_MOSTLY_Q5_1})
FAST = lib.LLAMA_FTYPE_MOSTLY_Q8_0
# Each token of an answer reads all the weights: the larger the model, the more the copy's bytes cost.
MOST_BYTES = 256 << 20
# Room on the disk, in sizes of the file: Q8_0 has 34 bytes for the 20 of Q4_1.
ROOM = 2
# Seconds that making it may take, and after which one that was cut short is tried again.
LONGEST, AGAIN = 120.0, 600.0


def load(path: Path) -> LlamaModel:
    """The model of `path`, from its faster copy where one pays. That is made once, and only in a folder of
    Petra's own: what lies beside a person's file is neither read nor written. Raises ModelFileError."""
    if not (path.parent / MANIFEST).is_file():
        return LlamaModel(path)
    copy = path.with_name(path.name.removesuffix(".gguf") + COPY)
    if (kept := _kept(copy, path)) is not None:
        return kept
    model = LlamaModel(path)
    if not _pays(model) or not _make(copy, path):
        return model
    faster = _kept(copy, path)
    if faster is None:
        copy.unlink(missing_ok=True)
        return model
    model.close()
    return faster


def _pays(model: LlamaModel) -> bool:
    """Whether the copy would be faster, and there is room for it."""
    if model.gpu or model.format not in SLOW or model.size > MOST_BYTES:
        return False
    return shutil.disk_usage(model.path.parent).free > ROOM * model.size


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
    # One name: two workers do not both make it, and what was cut short is found.
    scratch = copy.with_name(f".{copy.name}.part")
    try:
        made_of = path.stat()
        if _age(scratch) > AGAIN:
            scratch.unlink()
        scratch.touch(mode=0o600, exist_ok=False)
    except OSError:
        return False
    sys.stderr.write(f"Making {copy.name} beside {path.name}: the same weights, read faster\n")
    try:
        command = [sys.executable, "-P", "-m", __name__, os.fspath(path), os.fspath(scratch)]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, timeout=LONGEST)  # noqa: S603 - our own
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        shutil.copymode(path, scratch)
        os.utime(scratch, ns=(made_of.st_atime_ns, made_of.st_mtime_ns))
        scratch.replace(copy)
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{copy.name} cannot be made, {path.name} is used as it is: {error}\n")
        return False
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
    return True


def _age(file: Path) -> float:
    """Seconds since it was written to; 0 when it is not there."""
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def convert(source: str, target: str, ftype: int = FAST) -> int:
    """Write `source` in another format, a LLAMA_FTYPE of llama.cpp's, to `target`; 0 when that succeeded."""
    native.start()
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = ftype, True
    return int(lib.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params)))


if __name__ == "__main__":
    sys.exit(convert(sys.argv[1], sys.argv[2]))
