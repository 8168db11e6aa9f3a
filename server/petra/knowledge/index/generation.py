"""Generations: one immutable folder per settled revision of a collection, `<root>/<collection>/<revision>/`.

Written to a temporary folder, synced, renamed. Read only after the checksum of every file was found
right: a flipped byte makes a search answer wrongly without a word. What did not change since the last
generation is linked, not written again. Blocking: for threads.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from petra.knowledge.index import files
from petra.knowledge.index.dense import Dense, Part, Sizes
from petra.knowledge.index.missing import Missing
from petra.platform import sync_folder

FORMAT = 2
MANIFEST = "manifest.json"
STATE = "state.npz"
LEXICAL = "lexical"
MUTABLE = ("meta.json", ".managed.json")
"""The files that tantivy replaces under the same name; all others of it never change."""


@dataclass(frozen=True)
class Generation:
    """What was read or written. `sums` are the checksums of its files, by name."""

    path: Path
    watermark: int
    dense: Dense
    missing: Missing
    sums: Mapping[str, str]

    @property
    def lexical(self) -> Path:
        """The folder of its words."""
        return self.path / LEXICAL


@dataclass(frozen=True)
class Draft:
    """A generation to be written: the folder with its words, already linked, and the moment they are of."""

    temporary: Path
    watermark: int
    model_id: str
    dense: Dense
    missing: Missing


def begin(folder: Path, lexical: Path) -> Path:
    """A temporary folder with the files of `lexical` as they are now. Quick. Raises OSError."""
    temporary = folder / f".{uuid.uuid4().hex}"
    try:
        (temporary / LEXICAL).mkdir(parents=True)
        for path in _segment_files(lexical):
            _link(path, temporary / LEXICAL / path.name)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return temporary


def write(draft: Draft, before: Generation | None, breathe: Callable[[], None]) -> Generation:
    """Make the draft, whose vectors are compacted, the newest generation, and remove all others.

    Raises OSError, and has then left the older generations in place.
    """
    temporary, folder = draft.temporary, draft.temporary.parent
    try:
        known = dict(before.sums) if before else {}
        names = [_write_part(part, temporary, before, breathe) for part in draft.dense.parts]
        files.save(temporary / STATE, missing=draft.missing.rows, **_gone(names, draft.dense))
        sums = {name: _sum(temporary / name, name, known, breathe) for name in _files(temporary)}
        manifest = {
            "format": FORMAT,
            "model": draft.model_id,
            "watermark": draft.watermark,
            "segments": names,
            "files": sums,
        }
        text = json.dumps(manifest)
        sealed = json.dumps({"sha256": files.sum_of(text.encode()), "manifest": text})
        (temporary / MANIFEST).write_text(sealed)
        for name in (*(name for name in sums if name not in known), MANIFEST):
            _sync(temporary / name)
        sync_folder(temporary / LEXICAL)
        sync_folder(temporary)
        target = _free(folder, draft.watermark)
        temporary.rename(target)
        sync_folder(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    remove_others(folder, keep=target)
    parts = tuple(
        Part(part.segment if part.segment.name else files.read(target, name), part.gone)
        for name, part in zip(names, draft.dense.parts, strict=True)
    )
    dense = Dense.empty(draft.dense.sizes).with_parts(parts)
    return Generation(target, draft.watermark, dense, draft.missing, sums)


def read(folder: Path, model_id: str, sizes: Sizes) -> Generation | None:
    """The newest generation of a collection that is whole and was made with this model, or None."""
    for path in sorted(_generations(folder), key=_age, reverse=True):
        try:
            generation = _read(path, model_id, sizes)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError):
            continue
        if generation:
            return generation
    return None


def remove_others(folder: Path, keep: Path | None) -> None:
    """Remove what is no longer needed; what cannot be removed now is tried again after the next one."""
    for path in folder.iterdir():
        if path != keep and (path.name.startswith(".") or path in _generations(folder)):
            shutil.rmtree(path, ignore_errors=True)


def copy_lexical(generation: Generation | None, target: Path) -> None:
    """An empty folder `target` with the generation's lexical files, to go on from."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in _segment_files(generation.lexical) if generation else ():
        _link(path, target / path.name)


def _write_part(part: Part, temporary: Path, before: Generation | None, breathe: Callable[[], None]) -> str:
    """Put the files of a part's segment into the folder, and return its name."""
    segment = part.segment
    if segment.name and before:
        for name in files.of(segment.name):
            _link(before.path / name, temporary / name)
        return segment.name
    name = uuid.uuid4().hex
    files.write(temporary, name, segment, breathe)
    return name


def _gone(names: list[str], dense: Dense) -> dict[str, Any]:
    return {
        f"gone-{name}": np.packbits(part.gone)
        for name, part in zip(names, dense.parts, strict=True)
        if part.gone is not None
    }


def _sum(path: Path, name: str, known: Mapping[str, str], breathe: Callable[[], None]) -> str:
    """The checksum of a file; of one that was in the last generation it is known."""
    if name in known and name != STATE and path.name not in MUTABLE:
        return known[name]
    breathe()
    return files.sum_of_file(path)


def _read(path: Path, model_id: str, sizes: Sizes) -> Generation | None:
    sealed = json.loads((path / MANIFEST).read_bytes())
    if files.sum_of(sealed["manifest"].encode()) != sealed["sha256"]:
        return None
    manifest: dict[str, Any] = json.loads(sealed["manifest"])
    if manifest["format"] != FORMAT or manifest["model"] != model_id:
        return None
    sums: dict[str, str] = manifest["files"]
    if set(_files(path)) != set(sums):
        return None
    if files.sums_of_files([path / name for name in sums]) != list(sums.values()):
        return None
    state = np.load(io.BytesIO((path / STATE).read_bytes()), allow_pickle=False)
    parts = []
    for name in manifest["segments"]:
        segment = files.read(path, name)
        gone = state.get(f"gone-{name}")
        mask = None if gone is None else np.unpackbits(gone, count=len(segment)).astype(np.bool_)
        parts.append(Part(segment, mask))
    dense = Dense.empty(sizes).with_parts(tuple(parts))
    return Generation(path, int(manifest["watermark"]), dense, Missing(state["missing"]), sums)


def _generations(folder: Path) -> list[Path]:
    """The folders that are named by a revision, or by one and how often it was settled again."""
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if all(part.isdigit() for part in path.name.split("."))]


def _age(path: Path) -> list[int]:
    return [int(part) for part in path.name.split(".")]


def _free(folder: Path, watermark: int) -> Path:
    """A name for the generation, after all that are there: late vectors do not raise the revision."""
    taken = [_age(path)[1:] for path in _generations(folder) if _age(path)[0] == watermark]
    times = max((more[0] if more else 0 for more in taken), default=-1) + 1
    return folder / (f"{watermark}.{times}" if times else str(watermark))


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
