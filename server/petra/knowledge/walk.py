"""The files of a folder that become documents. Blocking: for threads."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from petra.knowledge import ignore

EVERYTHING = "."
"""Among the unread folders: the walk ended early, or a file beside the root's others could not be looked
at. What it did not list may well be there."""


@dataclass(frozen=True)
class Found:
    """A file. `path` is relative to the root, with `/`."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Walk:
    """`left_out` has (path, reason) of what is no document. `unread` has the folders that could not be
    looked into: nothing is known about what is below them."""

    files: list[Found]
    left_out: list[tuple[str, str]]
    unread: list[str]


def walk(root: Path, only: str | None = None) -> Walk:
    """All files below `root`, or the one named `only`, in the order of their paths.

    Links are not followed: what they lead to is either found anyway or outside. Raises OSError when
    `root` itself cannot be read.
    """
    found = Walk([], [], [])
    if only is not None:
        _file(found, root / only, only)
        return found
    with os.scandir(root):
        pass

    def unread(error: OSError) -> None:
        found.unread.append(_relative(Path(str(error.filename)), root))

    for top, folders, names in os.walk(root, onerror=unread):
        here = Path(top)
        keep = []
        for name in sorted(folders):
            reason = _folder_reason(here / name)
            if reason:
                found.left_out.append((f"{_relative(here / name, root)}/", reason))
            else:
                keep.append(name)
        folders[:] = keep
        for name in sorted(names):
            if len(found.files) >= ignore.MOST_FILES:
                beyond = f"beyond the first {ignore.MOST_FILES:,} files"
                found.left_out.append((f"{_relative(here, root)}/", beyond))
                found.unread.append(EVERYTHING)
                return _sorted(found)
            _file(found, here / name, _relative(here / name, root))
    return _sorted(found)


def _sorted(found: Walk) -> Walk:
    found.files.sort(key=lambda file: file.path)
    return found


def _folder_reason(path: Path) -> str | None:
    try:
        if path.is_symlink():
            return "a link"
        marked = any((path / mark).is_file() for mark in ignore.FOLDER_MARKS)
    except OSError:
        marked = False  # it may not be looked into, which the walk finds out and says
    return ignore.folder(path.name) or ("dependencies or caches" if marked else None)


def _file(found: Walk, path: Path, relative: str) -> None:
    try:
        relative.encode()
        about = path.lstat()
    except UnicodeEncodeError:
        found.left_out.append((ascii(relative), "its name is not UTF-8"))
        return
    except FileNotFoundError:
        return
    except OSError:
        found.unread.append(PurePosixPath(relative).parent.as_posix())
        return
    reason = ignore.file(path.name, about.st_size)
    if not stat.S_ISREG(about.st_mode):
        reason = "a link" if stat.S_ISLNK(about.st_mode) else "not a regular file"
    if reason:
        found.left_out.append((relative, reason))
    else:
        found.files.append(Found(relative, about.st_size, about.st_mtime_ns, about.st_ino))


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
