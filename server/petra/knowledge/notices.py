"""What the notices of a file system mean for a folder that is mirrored. Pure, but for one question: whether
a path is a folder now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from petra.knowledge import ignore
from petra.knowledge.exclusions import RULES, Exclusions

ADDED, MODIFIED, DELETED = 1, 2, 3
"""As watchfiles numbers them."""
FEW = 50
"""Paths that are published one by one; with more, the folder is read again as a whole."""
STORM = 1000
"""Notices at once after which some may have been lost: the kernel's queue has an end."""
_OF_GIT = frozenset(("HEAD", "HEAD.lock", "index.lock", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD"))

Notice = tuple[int, str]
"""Kind of change, and path relative to the root, with `/`."""


@dataclass
class Meaning:
    """What is to be done. `paths` may have become other documents, or none; a folder that is gone stands
    for all that was below it. `folders` are new. `rules` says that other files may be left out now, `git`
    that git is at work, `many` that more may have changed than was told."""

    paths: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    lost_folders: bool = False
    rules: bool = False
    git: bool = False
    many: bool = False

    @property
    def other_places(self) -> bool:
        """Whether other folders have to be watched from now on."""
        return bool(self.folders) or self.lost_folders or self.rules

    @property
    def as_a_whole(self) -> bool:
        """Whether the folder should be read again as a whole."""
        return self.rules or self.many or len(self.paths) > FEW


def meaning(
    notices: Iterable[Notice],
    folders: Mapping[str, Exclusions],
    is_folder: Callable[[str], bool],
    of_git: frozenset[str] = frozenset(),
) -> Meaning:
    """`folders` are those that the last walk entered; what lies in any other is left out. `of_git` are
    files of the repository itself, by their paths."""
    found = Meaning()
    count = 0
    for kind, path in notices:
        count += 1
        if path in of_git:
            found.git = True
        elif path in folders:
            # A notice about the folder itself: what happens in it has notices of its own.
            if kind != MODIFIED:
                found.lost_folders = True
                found.paths |= {path} - {""}
        else:
            _below(found, kind, path, folders, is_folder)
    found.many = count >= STORM
    return found


def of_git(folder: str) -> frozenset[str]:
    """Files in git's own folder that change when files are checked out."""
    return frozenset(f"{folder}/{name}" for name in _OF_GIT)


def _below(
    found: Meaning,
    kind: int,
    path: str,
    folders: Mapping[str, Exclusions],
    is_folder: Callable[[str], bool],
) -> None:
    parent, name = PurePosixPath(path).parent.as_posix(), PurePosixPath(path).name
    rules = folders.get("" if parent == "." else parent)
    if rules is None:
        return
    if name in RULES:
        found.rules = True
    elif kind != DELETED and is_folder(path):
        if not (ignore.folder(name) or rules.why(f"{name}/")):
            found.folders.add(path)
    elif not (ignore.file(name, 0) or rules.why(name)):
        found.paths.add(path)
