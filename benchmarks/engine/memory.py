"""What a server weighs beside the model's file and the KV cache."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from benchmarks.engine.servers import Server
from petra.inference import gguf

MIB = 1 << 20
KV_BYTES = 2
"""A number of the KV cache: half precision, the default of both."""

# The GGUF format's numbers for its types of values (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
STRING, ARRAY = 8, 9


def weigh(server: Server, health: Mapping[str, Any], model: Path) -> dict[str, float]:
    """MiB: resident size without weights and KV, and the sizes it comes from. The weights are those that are
    loaded, which may be a larger copy of the file. Histories that wait in RAM are KV as well. Proportional
    and unique sizes where the system can tell."""
    info = psutil.Process(server.pid).memory_full_info()
    cells = server.cells or int(health.get("kv_cells") or health["context"])
    kv = cells * kv_bytes_of_a_token(metadata(model)) + int(health.get("parked_bytes") or 0)
    file = int(health.get("weights_bytes") or model.stat().st_size)
    found = {"over model and KV MiB": (info.rss - file - kv) / MIB}
    sizes = {"resident": info.rss, "file": file, "KV": kv}
    sizes |= {name: getattr(info, name) for name in ("pss", "uss") if hasattr(info, name)}
    return found | {f"{name} MiB": size / MIB for name, size in sizes.items()}


def kv_bytes_of_a_token(values: dict[str, Any]) -> int:
    """Over all layers, keys and values. A model that shortens the cache of some layers needs less."""
    kind = values["general.architecture"]
    heads = values[f"{kind}.attention.head_count"]
    kv_heads = values.get(f"{kind}.attention.head_count_kv", heads)
    usual = values[f"{kind}.embedding_length"] // heads
    lengths = [values.get(f"{kind}.attention.{name}_length", usual) for name in ("key", "value")]
    return int(values[f"{kind}.block_count"] * kv_heads * sum(lengths) * KV_BYTES)


def metadata(model: Path) -> dict[str, Any]:
    """The numbers and texts at the head of a GGUF file; lists are left out."""
    gguf.check_header(model)
    with model.open("rb") as file:
        _, _, _, pairs = gguf.HEADER.unpack(file.read(gguf.HEADER.size))
        found = {}
        for _ in range(pairs):
            name = _string(file)
            value = _value(file, _number(file, "<I"))
            if value is not None:
                found[name] = value
        return found


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        inner, length = _number(file, "<I"), _number(file, "<Q")
        for _ in range(length):
            _value(file, inner)
        return None
    return _number(file, NUMBERS[kind])


def _string(file: BinaryIO) -> str:
    return file.read(_number(file, "<Q")).decode(errors="replace")


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
