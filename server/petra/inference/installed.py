"""The models folder: what is installed, whether it is still what was checked, where a model's files are.

`<models>/<name>/installed.json` lists the files with their checksums. It is written last, before the
folder gets its name: a folder that has one is whole. A file whose size and modification time are as
they were when it was hashed is taken as unchanged; any other is hashed again before it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from petra import platform
from petra.errors import ModelFileError, NotFound
from petra.inference import catalogue, gguf

MANIFEST = "installed.json"
# How the name of a faster copy ends that a worker has made of a model's file (llamacpp/requantize.py).
COPY = ".q8_0.gguf"
BLOCK = 1024 * 1024


@dataclass(frozen=True)
class InstalledFile:
    """A file as it was when it was hashed."""

    path: str
    size: int
    sha256: str
    mtime_ns: int


@dataclass(frozen=True)
class Installed:
    """A model in the models folder. `source` says where it is from, in words."""

    name: str
    kind: str
    licence: str
    source: str
    files: tuple[InstalledFile, ...]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Resolved:
    """A model that can be loaded: a GGUF file or a sentence-transformers folder."""

    name: str
    path: Path


def installed(models_dir: Path) -> Iterator[Installed]:
    """All whole models of the folder, by name."""
    for manifest in sorted(models_dir.glob(f"*/{MANIFEST}")):
        if model := read(models_dir, manifest.parent.name):
            yield model


def read(models_dir: Path, name: str) -> Installed | None:
    """The model of that name, None when it is not there or its folder is not whole."""
    try:
        folder = folder_of(models_dir, name)
        data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = tuple(InstalledFile(**file) for file in data.pop("files"))
        return Installed(**data, files=files)
    except (NotFound, OSError, ValueError, TypeError, KeyError):
        return None


def folder_of(models_dir: Path, name: str) -> Path:
    """Where the model of that name is or would be; a catalogue name is found in any case. Raises NotFound
    (with the nearest names) for one that is neither in the catalogue nor in the folder."""
    try:
        return models_dir / catalogue.find(name).name
    except NotFound:
        if Path(name).name == name and (models_dir / name / MANIFEST).is_file():
            return models_dir / name
        raise


def is_installed(models_dir: Path, name: str) -> bool:
    """Whether the model is there with all its files in their right size; their content is not read."""
    if (model := read(models_dir, name)) is None:
        return False
    folder = folder_of(models_dir, name)
    return all(_stat(folder / file.path)[0] == file.size for file in model.files)


def write(folder: Path, model: Installed) -> None:
    """Record the model as whole, with the modification times that its files have now."""
    files = tuple(replace(file, mtime_ns=_stat(folder / file.path)[1]) for file in model.files)
    data = asdict(replace(model, files=files))
    platform.private_write(folder / MANIFEST, json.dumps(data, indent=1) + "\n")


def verify(
    models_dir: Path,
    name: str,
    *,
    every: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Installed:
    """Hash the model's files and compare. With `every` false only those that may have changed.
    With it true copies are deleted: they have no checksum, and the next start makes them again.

    Raises ModelFileError for the first file that is missing, truncated or different, NotFound for a
    model that is not installed.
    """
    folder = folder_of(models_dir, name)
    model = read(models_dir, name)
    if model is None:
        raise NotFound(f"The model {name} is not installed", remedy=f"`petra models pull {name}`")
    if every:
        _delete_copies(folder, model)
    done, stale = 0, False
    for file in model.files:
        path = folder / file.path
        size, mtime_ns = _stat(path)
        if size != file.size:
            cause = f"{file.path} is missing" if size < 0 else f"{file.path} has {size} of {file.size} bytes"
            raise _damaged(name, cause)
        unchanged = mtime_ns == file.mtime_ns
        if every or not unchanged:
            if sha256(path) != file.sha256:
                raise _damaged(name, f"The content of {file.path} does not match its checksum")
            stale = stale or not unchanged
        done += size
        progress(done, model.size)
    if stale:
        write(folder, model)
    return model


def resolve(models_dir: Path, model: str) -> Resolved:
    """Find a model's file or folder, and check that it is what was installed.

    `model` is a name, or the path of a GGUF file or folder. Raises ModelFileError with the command that
    fetches or repairs it, NotFound (with the nearest names) for a name that nobody knows.
    """
    path = Path(model).expanduser()
    if path.is_file():
        gguf.check_header(path)
        return Resolved(path.stem, path.absolute())
    if path.is_dir() and not is_installed(models_dir, path.name):
        return Resolved(path.name, path.absolute())
    if path.suffix == ".gguf" or len(path.parts) > 1:
        raise ModelFileError(
            f"There is no model file {model}",
            remedy="Check MODEL_PATH, or choose a name from `petra models list`",
        )
    folder = folder_of(models_dir, model)
    if read(models_dir, model) is None:
        raise ModelFileError(
            f"The model {model} is not installed",
            cause=f"{models_dir} does not have it",
            remedy=f"Run `petra models pull {model}`",
        )
    found = verify(models_dir, model, every=False)
    whole = next((folder / file.path for file in found.files if file.path.endswith(".gguf")), folder)
    if whole != folder:
        gguf.check_header(whole)
    return Resolved(found.name, whole)


def fingerprint(models_dir: Path, model: str) -> tuple[tuple[int, int], ...]:
    """Something that changes when the model's files are put there or replaced. Cheap, reads no content."""
    path = Path(model).expanduser()
    try:
        folder = folder_of(models_dir, model)
    except NotFound:
        folder = models_dir / path.name
    return _stat(path), _stat(folder / MANIFEST)


def sha256(path: Path, stop: Callable[[], None] = lambda: None) -> str:
    """The SHA-256 of a file, in hex. `stop` is called between blocks and may raise."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            stop()
            digest.update(block)
    return digest.hexdigest()


def _stat(path: Path) -> tuple[int, int]:
    """Size and modification time, (-1, 0) for a file that is not there."""
    try:
        status = path.stat()
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


def _delete_copies(folder: Path, model: Installed) -> None:
    listed = {file.path for file in model.files}
    for pattern in (f"*{COPY}", f".*{COPY}.part"):
        for copy in folder.glob(pattern):
            if copy.name not in listed:
                with suppress(OSError):
                    copy.unlink()


def _damaged(name: str, cause: str) -> ModelFileError:
    return ModelFileError(
        f"The model {name} is damaged", cause=cause, remedy=f"Run `petra models pull {name}` to repair it"
    )
