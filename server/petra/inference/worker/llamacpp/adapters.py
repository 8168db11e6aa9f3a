"""LoRA adapters of a model, by name."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

import llama_cpp as lib

from petra.errors import ModelFileError
from petra.inference import gguf
from petra.inference.worker.llamacpp.model import LlamaModel


class Adapters:
    """Loaded adapters, of which a context uses one or none. The model frees them with itself."""

    def __init__(self, model: LlamaModel, paths: Mapping[str, Path]) -> None:
        """Raises ModelFileError for a file that is no adapter of this model."""
        self._loaded = {name: _load(model, path) for name, path in paths.items()}
        self._used: str | None = None

    def use(self, context: int, name: str | None) -> None:
        """Compute the next steps of `context`, always the same one, with the adapter `name`."""
        if name == self._used:
            return
        adapters = [] if name is None else [self._loaded[name]]
        count = len(adapters)
        pointers = (lib.llama_adapter_lora_p_ctypes * count)(*adapters)
        lib.llama_set_adapters_lora(context, pointers, count, (ctypes.c_float * count)(*[1.0] * count))
        self._used = name


def _load(model: LlamaModel, path: Path) -> int:
    gguf.check_header(path)
    adapter: int | None = lib.llama_adapter_lora_init(model.pointer, os.fsencode(path))
    if not adapter:
        raise ModelFileError(
            f"{path.name} cannot be used with {model.path.name}",
            cause="llama.cpp refuses it: it is no LoRA adapter, or one of another model",
            remedy="Name the model that it was made for: `--lora NAME=FILE@MODEL`",
        )
    return adapter
