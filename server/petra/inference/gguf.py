"""Whether a file can be a GGUF model, decided before any parser of llama.cpp's sees it."""

from __future__ import annotations

import struct
from pathlib import Path

from petra.errors import ModelFileError

# The header of version 2 and 3: magic, version, number of tensors, number of metadata pairs.
HEADER = struct.Struct("<4sIQQ")
# A 53-byte file with absurd counts makes a parser hang: no model has near as many of either.
MOST_TENSORS = 100_000
MOST_PAIRS = 10_000
# A tensor's entry takes 33 bytes or more, a pair's 13: a file must be longer than what it announces.
LEAST_TENSOR, LEAST_PAIR = 33, 13


def check_header(path: Path) -> None:
    """Raise ModelFileError unless `path` begins like a GGUF file of plausible size."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEADER.size)
    except OSError as error:
        raise _refused(path, f"It cannot be read: {error.strerror}") from error
    if len(head) < HEADER.size:
        raise _refused(path, f"It has only {size} bytes")
    magic, version, tensors, pairs = HEADER.unpack(head)
    if magic != b"GGUF":
        raise _refused(path, "It does not begin like a GGUF file")
    if version not in (2, 3):
        raise _refused(path, f"It is of GGUF version {version}; versions 2 and 3 can be read")
    if not 0 < tensors <= MOST_TENSORS or not 0 < pairs <= MOST_PAIRS:
        raise _refused(path, f"It announces {tensors} tensors and {pairs} metadata entries")
    if size < HEADER.size + tensors * LEAST_TENSOR + pairs * LEAST_PAIR:
        raise _refused(path, "It is shorter than its own table of contents")


def _refused(path: Path, cause: str) -> ModelFileError:
    return ModelFileError(
        f"{path.name} is not a usable model file",
        cause=cause,
        remedy="Download it again: `petra models pull NAME`, or `petra models add FILE` with a whole file",
    )
