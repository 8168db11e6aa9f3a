"""Tokens with their logits, as llama.cpp's samplers read and change them."""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp as lib
import numpy as np

Ids = np.ndarray[Any, np.dtype[np.intp]]
Logits = np.ndarray[Any, np.dtype[np.float32]]
# Records of llama_token_data.
Candidates = np.ndarray[Any, Any]
FIELDS = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def candidates(ids: Ids, logits: Logits | None = None) -> Candidates:
    """Records of `ids`; with `logits`, those of them."""
    records = np.zeros(len(ids), FIELDS)
    records["id"] = ids
    if logits is not None:
        records["logit"] = logits[ids]
    return records


def native_array(records: Candidates) -> Any:
    """`records` for a sampler, which writes into them; they have to outlive it."""
    return lib.llama_token_data_array(
        data=ctypes.cast(records.ctypes.data, ctypes.POINTER(lib.llama_token_data)),
        size=len(records),
        selected=-1,
        sorted=False,
    )
