"""Generations: one immutable folder per settled revision of a collection, `<root>/<collection>/<revision>/`.

Written to a temporary folder, synced, renamed. Read only after the checksum of every file was found
right: a flipped byte makes Faiss answer wrongly without a word. Blocking: for threads.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from petra.knowledge.index.dense import Dense
from petra.platform import sync_folder

FORMAT = 1
MANIFEST = "manifest.json"
VECTORS = "vectors.faiss"
ROWS = "rows.npy"
LEXICAL = "lexical"


@dataclass(frozen=True)
class Generation:
    """What was read: `missing` maps the chunks without a vector to the hash of their text."""

    watermark: int
    dense: Dense
    missing: dict[int, str]
    lexical: Path


def write(
    folder: Path, *, watermark: int, model_id: str, dense: Dense, missing: Mapping[int, str], lexical: Path
) -> Path:
    """Make the generation `watermark` of a collection's `folder` and remove all others.

    `dense` is settled. The files of the folder `lexical` are linked, not copied: tantivy never changes
    one. Raises OSError, and has then left the older generations in place.
    """
    temporary = folder / f".{uuid.uuid4().hex}"
    try:
        (temporary / LEXICAL).mkdir(parents=True)
        for path in _segment_files(lexical):
            _link(path, temporary / LEXICAL / path.name)
        if dense.index is not None:
            (temporary / VECTORS).write_bytes(faiss.serialize_index(dense.index).tobytes())
        rows = io.BytesIO()
        np.save(rows, dense.rows, allow_pickle=False)
        (temporary / ROWS).write_bytes(rows.getvalue())
        manifest = {
            "format": FORMAT,
            "model": model_id,
            "watermark": watermark,
            "missing": {str(id): text_hash for id, text_hash in missing.items()},
            "files": {name: _sha256((temporary / name).read_bytes()) for name in _files(temporary)},
        }
        text = json.dumps(manifest)
        (temporary / MANIFEST).write_text(json.dumps({"sha256": _sha256(text.encode()), "manifest": text}))
        for name in (*_files(temporary), MANIFEST):
            _sync(temporary / name)
        sync_folder(temporary / LEXICAL)
        sync_folder(temporary)
        target = folder / str(watermark)
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
        sync_folder(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    remove_others(folder, keep=target)
    return target


def read(folder: Path, model_id: str) -> Generation | None:
    """The newest generation of a collection that is whole and was made with this model, or None."""
    for path in sorted(_generations(folder), key=lambda path: int(path.name), reverse=True):
        try:
            generation = _read(path, model_id)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            continue
        if generation:
            return generation
    return None


def remove_others(folder: Path, keep: Path | None) -> None:
    """Remove what is no longer needed; what cannot be removed now is tried again after the next one."""
    for path in folder.iterdir():
        if path != keep and (path.name.startswith(".") or path.name.isdigit()):
            shutil.rmtree(path, ignore_errors=True)


def copy_lexical(generation: Generation | None, target: Path) -> None:
    """An empty folder `target` with the generation's lexical files, to go on from."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in _segment_files(generation.lexical) if generation else ():
        _link(path, target / path.name)


def _read(path: Path, model_id: str) -> Generation | None:
    sealed = json.loads((path / MANIFEST).read_bytes())
    if _sha256(sealed["manifest"].encode()) != sealed["sha256"]:
        return None
    manifest: dict[str, Any] = json.loads(sealed["manifest"])
    if manifest["format"] != FORMAT or manifest["model"] != model_id:
        return None
    expected: dict[str, str] = manifest["files"]
    if set(_files(path)) != set(expected):
        return None
    # What is loaded are the very bytes that were checked.
    content: dict[str, bytes] = {}
    for name, checksum in expected.items():
        data = (path / name).read_bytes()
        if _sha256(data) != checksum:
            return None
        if name in (VECTORS, ROWS):
            content[name] = data
    rows = np.load(io.BytesIO(content[ROWS]), allow_pickle=False)
    dense = Dense.empty()
    if len(rows):
        index = faiss.deserialize_index(np.frombuffer(content[VECTORS], np.uint8))
        if index.ntotal != len(rows):
            return None
        dense = Dense(index, rows, np.zeros(len(rows), np.bool_), dense.head, dense.head_rows)
    missing = {int(id): str(text_hash) for id, text_hash in manifest["missing"].items()}
    return Generation(int(manifest["watermark"]), dense, missing, path / LEXICAL)


def _generations(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []


def _files(folder: Path) -> list[str]:
    """All files of a generation but its manifest, relative, with `/`."""
    top = [path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST]
    return sorted(top + [f"{LEXICAL}/{path.name}" for path in _segment_files(folder / LEXICAL)])


def _segment_files(lexical: Path) -> list[Path]:
    """tantivy's files but its locks."""
    return [path for path in lexical.iterdir() if not path.name.endswith(".lock")]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # A file system without links.
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
