"""The files of a segment, and their checksums: `<name>.vectors` is mapped, `<name>.npz` is read."""

from __future__ import annotations

import hashlib
import io
import mmap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from petra.knowledge.index.clusters import Clusters
from petra.knowledge.index.segment import Segment

STORED = np.dtype("<f2")
BITE = 8192
"""Rows written between two breaths."""


def of(name: str) -> tuple[str, str]:
    """The names of a segment's files."""
    return f"{name}.vectors", f"{name}.npz"


def write(folder: Path, name: str, segment: Segment, breathe: Callable[[], None]) -> None:
    """Write a segment. Raises OSError."""
    vectors, rows = of(name)
    with (folder / vectors).open("wb") as file:
        for start in range(0, len(segment), BITE):
            np.ascontiguousarray(segment.codes[start : start + BITE], STORED).tofile(file)
            breathe()
    arrays: dict[str, Any] = {
        "chunks": segment.chunks,
        "numbers": segment.numbers,
        "names": segment.names,
        "dimension": np.array(segment.codes.shape[1]),
    }
    if segment.clusters:
        arrays |= {"centroids": segment.clusters.centroids, "starts": segment.clusters.starts}
    save(folder / rows, **arrays)


def read(folder: Path, name: str) -> Segment:
    """A segment whose files were found right, its vectors mapped. Raises OSError and ValueError."""
    vectors, rows = of(name)
    arrays = np.load(io.BytesIO((folder / rows).read_bytes()), allow_pickle=False)
    with (folder / vectors).open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    codes = np.frombuffer(mapped, STORED).reshape(len(arrays["chunks"]), int(arrays["dimension"]))
    clusters = Clusters(arrays["centroids"], arrays["starts"]) if "centroids" in arrays else None
    return Segment(codes, arrays["chunks"], arrays["numbers"], arrays["names"], clusters, name)


def save(path: Path, **arrays: Any) -> None:
    """Write arrays without pickling. Raises OSError."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    path.write_bytes(buffer.getvalue())


def sum_of(content: bytes) -> str:
    """The checksum of some bytes."""
    return hashlib.sha256(content).hexdigest()


def sum_of_file(path: Path) -> str:
    """The checksum of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums_of_files(paths: Sequence[Path]) -> list[str]:
    """Those of many files, several at once: the checksum of a large collection is the time it opens in.
    Raises OSError."""
    with ThreadPoolExecutor(4, "petra-checksums") as pool:
        return list(pool.map(sum_of_file, paths))
