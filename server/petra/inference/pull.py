"""Installing models: from the catalogue or from a file, all of one or nothing, checked before use."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import filelock

from petra import platform
from petra.errors import ModelFileError, NotFound
from petra.inference import gguf, installed
from petra.inference.catalogue import DistilSource, ModelEntry, ModelFile, find
from petra.inference.fetch import Cancelling, SourceFailed, check_stop, fetch
from petra.inference.installed import Installed, InstalledFile
from petra.inference.making import distil

T = TypeVar("T")
Progress = Callable[[int, int], None]
PARTIAL = ".partial"


async def pull(
    name: str,
    models_dir: Path,
    progress: Progress = lambda done, total: None,
    cancelled: Cancelling = lambda: False,
) -> Path:
    """Install a model of the catalogue and return its folder; one that is whole already is left alone.

    `progress(done, total)` gets bytes and is called in the event loop; the pull ends within a second of
    `cancelled()` becoming true (it is called in a thread) or of the task being cancelled. Raises
    Cancelled, NotFound for an unknown name, ModelFileError when no source gives the right files or the
    disk is too small.
    """
    return await _in_thread(
        lambda report, stop: pull_entry(find(name), models_dir, report, stop), progress, cancelled
    )


async def add(
    path: Path,
    models_dir: Path,
    progress: Progress = lambda done, total: None,
    cancelled: Cancelling = lambda: False,
) -> Installed:
    """Install a copy of a GGUF file or sentence-transformers folder. Errors as for `pull`."""
    return await _in_thread(
        lambda report, stop: add_path(path, models_dir, report, stop), progress, cancelled
    )


def pull_entry(entry: ModelEntry, models_dir: Path, progress: Progress, stop: Cancelling) -> Path:
    """`pull`, blocking."""
    folder = models_dir / entry.name
    with _alone(models_dir, entry.name, stop):
        if _is_whole(models_dir, entry):
            progress(entry.size, entry.size)
            return folder
        scratch = models_dir / PARTIAL / entry.name
        staging = scratch / "staging"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        _check_space(models_dir, 2 * entry.size)
        used = _fetch_any(entry, models_dir, staging, scratch, progress, stop)
        files = tuple(_installed(file, staging) for file in entry.files)
        _commit(staging, folder, Installed(entry.name, entry.kind, entry.licence, used, files))
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def add_path(path: Path, models_dir: Path, progress: Progress, stop: Cancelling) -> Installed:
    """`add`, blocking."""
    path = path.expanduser().absolute()
    if path.is_dir() and (path / "modules.json").is_file():
        kind, paths, root = "embed", [item for item in sorted(path.rglob("*")) if item.is_file()], path
    elif path.is_file():
        gguf.check_header(path)
        kind, paths, root = "chat", [path], path.parent
    else:
        raise ModelFileError(
            f"{path} is not a model" if path.exists() else f"{path} does not exist",
            cause="Petra can add a GGUF file, or a sentence-transformers folder (it has a modules.json)",
        )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.is_file() else path.name).strip(".-") or "model"
    total = sum(item.stat().st_size for item in paths)
    with _alone(models_dir, name, stop):
        scratch = models_dir / PARTIAL / name
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _check_space(models_dir, total)
        files, done = [], 0
        for item in paths:
            check_stop(stop)
            target = scratch / "staging" / item.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(item, target)
            done += target.stat().st_size
            checksum = installed.sha256(target, lambda: check_stop(stop))
            files.append(InstalledFile(item.relative_to(root).as_posix(), target.stat().st_size, checksum, 0))
            progress(done, total)
        model = Installed(name, kind, "unknown", f"added from {path}", tuple(files))
        _commit(scratch / "staging", models_dir / name, model)
        shutil.rmtree(scratch, ignore_errors=True)
    return model


def remove(models_dir: Path, name: str) -> None:
    """Delete an installed model. Raises NotFound for one that is not there."""
    folder = installed.folder_of(models_dir, name)
    if not folder.is_dir():
        raise NotFound(f"The model {name} is not installed", remedy="`petra models list` shows what is")
    with _alone(models_dir, folder.name, lambda: False):
        aside = models_dir / PARTIAL / f"{folder.name}.removed"
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        # Out of sight in one step: a half-deleted model is never found.
        folder.rename(aside)
        shutil.rmtree(aside)


async def _in_thread(
    work: Callable[[Progress, Cancelling], T], progress: Progress, cancelled: Cancelling
) -> T:
    """Run blocking work in a thread whose progress arrives here, and end it when this task is ended."""
    loop = asyncio.get_running_loop()
    ended = threading.Event()

    def report(done: int, total: int) -> None:
        if not ended.is_set():
            loop.call_soon_threadsafe(progress, done, total)

    task = asyncio.ensure_future(asyncio.to_thread(work, report, lambda: ended.is_set() or cancelled()))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        ended.set()
        await asyncio.wait({task})
        raise


@contextmanager
def _alone(models_dir: Path, name: str, stop: Cancelling) -> Iterator[None]:
    """One process at a time works on a model; a second waits for it, and then finds it done."""
    locks = models_dir / PARTIAL
    lock = filelock.FileLock(locks / f"{name}.lock")
    while True:
        try:
            locks.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0.5)
            break
        except filelock.Timeout:
            check_stop(stop)
        except OSError as error:
            raise ModelFileError(
                f"Petra cannot write to {models_dir}, where models are kept",
                cause=error.strerror or str(error),
                remedy="Make room or give yourself the right to, or choose another with MODELS_DIR",
            ) from error
    try:
        yield
    finally:
        lock.release()


def _is_whole(models_dir: Path, entry: ModelEntry) -> bool:
    """Whether exactly the catalogue's files are installed; changed ones are hashed."""
    model = installed.read(models_dir, entry.name)
    if model is None:
        return False
    has = {file.path: file.sha256 for file in model.files}
    if has != {file.path: file.sha256 or has.get(file.path) for file in entry.files}:
        return False
    try:
        installed.verify(models_dir, entry.name, every=False)
    except ModelFileError:
        return False
    return True


def _installed(file: ModelFile, staging: Path) -> InstalledFile:
    """The file as it is recorded; one that was computed here has its checksum from now on."""
    if file.sha256 is not None:
        return InstalledFile(file.path, file.size, file.sha256, 0)
    path = staging / file.path
    return InstalledFile(file.path, path.stat().st_size, installed.sha256(path), 0)


def _fetch_any(
    entry: ModelEntry, models_dir: Path, staging: Path, scratch: Path, progress: Progress, stop: Cancelling
) -> str:
    """Fill `staging` from the first source that can. Returns that source, in words."""
    total = entry.size
    fetched = tuple(file for file in entry.files if file.text is None)
    causes = []
    for source in entry.sources:
        check_stop(stop)
        progress(0, total)
        report = _up_to(total, progress)
        try:
            if isinstance(source, DistilSource):
                teacher = pull_entry(find(source.model), models_dir, lambda done, total: None, stop)
                distil(teacher, fetched, staging, scratch, report, stop)
            else:
                fetch(source, fetched, staging, scratch, report, stop)
        except SourceFailed as failure:
            causes.append(str(failure))
            continue
        for file in entry.files:
            if file.text is not None:
                target = staging / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.text.encode())
        progress(total, total)
        return str(source)
    raise ModelFileError(
        f"The model {entry.name} could not be fetched",
        cause="; ".join(causes),
        remedy=f"Check the connection and run `petra models pull {entry.name}` again, or bring the file "
        "from another machine: `petra models add FILE`",
    )


def _up_to(total: int, progress: Progress) -> Callable[[int], None]:
    return lambda done: progress(min(done, total), total)


def _check_space(models_dir: Path, needed: int) -> None:
    free = shutil.disk_usage(models_dir).free
    if free < needed:
        raise ModelFileError(
            "There is not enough room on the disk for the model",
            cause=f"It takes {needed / 1e6:,.0f} MB while it is installed, and {free / 1e6:,.0f} MB are free",
            remedy=f"Make room, or set MODELS_DIR to another disk (now {models_dir})",
        )


def _commit(staging: Path, folder: Path, model: Installed) -> None:
    """Make the files durable, record them, and give the folder its name, in that order."""
    for file in model.files:
        with (staging / file.path).open("rb+") as content:
            os.fsync(content.fileno())
    installed.write(staging, model)
    if folder.exists():
        aside = staging.parent / "replaced"
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    staging.rename(folder)
    platform.sync_folder(folder.parent)
