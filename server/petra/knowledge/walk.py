"""The files of a folder that become documents. Blocking: for threads."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from petra.knowledge import ignore
from petra.knowledge.exclusions import Exclusions, exclusions

EVERYTHING = "."
"""Among the unread folders: the walk ended early, or a file beside the root's others could not be looked
at. What it did not list may well be there."""
NOTHING = "\0"
"""No file has this name."""
A_LINK = "a link"
CACHES = "dependencies or caches"


@dataclass(frozen=True)
class Found:
    """A file. `path` is relative to the root, with `/`."""

    path: str
    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class Walk:
    """`left_out` has (path, reason) of what is no document; a folder's path ends with `/`. `unread` has the
    folders that could not be looked into: nothing is known about what is below them. `folders` are those
    that were, the root as an empty path, each with the rules for what is in it."""

    files: list[Found]
    left_out: list[tuple[str, str]]
    unread: list[str]
    folders: dict[str, Exclusions]


def walk(root: Path, only: str | None = None) -> Walk:
    """All files below `root`, or the one at the path `only`, in the order of their paths.

    Links are not followed: what they lead to is either found anyway or outside. A folder that is left out
    is not entered. Raises OSError when `root` itself cannot be read.
    """
    found = _Walk(root)
    if only is not None:
        found.one(PurePosixPath(only))
    else:
        with os.scandir(root):
            pass
        found.all()
    found.walk.files.sort(key=lambda file: file.path)
    return found.walk


def enters(root: Path, folder: str) -> bool:
    """Whether the walk of `root` enters the folder at this path, which is there."""
    found = _Walk(root)
    found.one(PurePosixPath(folder) / NOTHING)
    return not found.walk.left_out and not found.walk.unread


class _Walk:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.walk = Walk([], [], [], {})

    def all(self) -> None:
        """Everything, from the top down and without recursion: folders can be deep."""
        waiting: list[tuple[str, str, Exclusions | None]] = [("", "", None)]
        while waiting:
            path, name, above = waiting.pop()
            entries = self._listed(path)
            if entries is None:
                continue
            names = {entry.name for entry in entries}
            if path and not names.isdisjoint(ignore.FOLDER_MARKS):
                self.walk.left_out.append((path, CACHES))
                continue
            rules = exclusions(self._root) if above is None else above.below(self._root / path, name, names)
            self.walk.folders[path.removesuffix("/")] = rules
            below = []
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if self._enters(path, entry.name, rules):
                        below.append((f"{path}{entry.name}/", entry.name, rules))
                elif not self._file(path, entry, rules):
                    return
            waiting += reversed(below)

    def one(self, path: PurePosixPath) -> None:
        """The file at `path`, if it is there by exactly this name (some systems find `A` as `a` too) and no
        folder on the way to it is left out."""
        rules, folder = exclusions(self._root), ""
        for name in path.parts:
            place = self._root / folder / name
            names = {entry.name for entry in self._listed(folder) or ()}
            if folder and not names.isdisjoint(ignore.FOLDER_MARKS):
                self.walk.left_out.append((folder, CACHES))
                return
            if folder:
                rules = rules.below(place.parent, place.parent.name, names)
            if name not in names:
                return
            if len(PurePosixPath(folder).parts) + 1 == len(path.parts):
                self._file(folder, place, rules)
            elif place.is_symlink():
                self.walk.left_out.append((f"{folder}{name}/", A_LINK))
                return
            elif not self._enters(folder, name, rules):
                return
            folder += f"{name}/"

    def _listed(self, path: str) -> list[os.DirEntry[str]] | None:
        """What is in a folder, by name; None when it cannot be looked into."""
        try:
            with os.scandir(self._root / path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError:
            self.walk.unread.append(path.removesuffix("/"))
            return None

    def _enters(self, path: str, name: str, rules: Exclusions) -> bool:
        reason = ignore.folder(name) or rules.why(f"{name}/")
        if reason:
            self.walk.left_out.append((f"{path}{_readable(name)}/", reason))
        return not reason

    def _file(self, path: str, entry: os.DirEntry[str] | Path, rules: Exclusions) -> bool:
        """Take a file, or note why not. Returns whether there is room for more."""
        walk, relative = self.walk, path + entry.name
        try:
            relative.encode()
            about = entry.lstat() if isinstance(entry, Path) else entry.stat(follow_symlinks=False)
        except UnicodeEncodeError:
            walk.left_out.append((_readable(relative), "its name is not UTF-8"))
            return True
        except FileNotFoundError:
            return True
        except OSError:
            walk.unread.append(path.removesuffix("/") or EVERYTHING)
            return True
        if not stat.S_ISREG(about.st_mode):
            reason: str | None = A_LINK if stat.S_ISLNK(about.st_mode) else "not a regular file"
        else:
            reason = ignore.file(entry.name, about.st_size) or rules.why(entry.name)
        if reason:
            walk.left_out.append((relative, reason))
        elif len(walk.files) >= ignore.MOST_FILES:
            walk.left_out.append((path or "./", f"beyond the first {ignore.MOST_FILES:,} files"))
            walk.unread.append(EVERYTHING)
            return False
        else:
            walk.files.append(Found(relative, about.st_size, about.st_mtime_ns, about.st_ino))
        return True


def _readable(path: str) -> str:
    """A path that can be shown and stored: written out where it is not UTF-8."""
    return ascii(path) if any("\ud800" <= char <= "\udfff" for char in path) else path
