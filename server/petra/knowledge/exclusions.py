"""What the person's own folders say is left out: `.gitignore`, `.git/info/exclude`, `.petraignore`.
Blocking: for threads.

A folder inside a repository obeys the rules of the repository above it, as git does, unless the repository
leaves out that very folder: then somebody has asked for it by name. `.petraignore` has the last word over
git, in both directions; neither lets in what `ignore` leaves out.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from petra.knowledge import gitignore
from petra.knowledge.gitignore import LONGEST, Rules
from petra.knowledge.ignore import BY_GIT, BY_PETRA

GIT, PETRA = ".gitignore", ".petraignore"
RULES = frozenset((GIT, PETRA))
"""Files whose change may let in or leave out any number of others."""


@dataclass(frozen=True)
class Exclusions:
    """The rules for what is in one folder. `prefix` is where it is, from the top of the repository."""

    prefix: str
    git: tuple[Rules, ...] = ()
    petra: tuple[Rules, ...] = ()

    def why(self, name: str) -> str | None:
        """Why the entry `name` of the folder is left out, or None. A folder's name ends with `/`."""
        path = self.prefix + name
        if self.petra and (said := gitignore.left_out(path, name, self.petra)) is not None:
            return BY_PETRA if said else None
        if self.git and gitignore.left_out(path, name, self.git):
            return BY_GIT
        return None

    def below(self, folder: Path, name: str, names: Container[str]) -> Exclusions:
        """The rules for what is in the folder `name` of this one. `names` are those of its own entries."""
        return replace(self, prefix=f"{self.prefix}{name}/").and_those_in(folder, names)

    def and_those_in(self, folder: Path, names: Container[str]) -> Exclusions:
        """These rules and those that lie in `folder`, whose place is `prefix`."""
        git, petra = self.git, self.petra
        if GIT in names and (rules := _read(folder / GIT, self.prefix)):
            git = (*git, rules)
        if PETRA in names and (rules := _read(folder / PETRA, self.prefix)):
            petra = (*petra, rules)
        return self if git is self.git and petra is self.petra else Exclusions(self.prefix, git, petra)


def exclusions(root: Path) -> Exclusions:
    """The rules for what is in `root`: its own, and those of the repository that it is in."""
    folders = [root, *root.parents]
    top = next((folder for folder in folders if _is_there(folder / ".git")), root)
    above = list(reversed(folders[: folders.index(top)]))
    excluded = _read(_git_folder(top) / "info" / "exclude", "")
    rules = Exclusions("", (excluded,) if excluded else ()).and_those_in(top, _rules_in(top))
    for folder in above:
        if rules.why(f"{folder.name}/"):
            return Exclusions("").and_those_in(root, _rules_in(root))
        rules = rules.below(folder, folder.name, _rules_in(folder))
    return rules


def git_folder(root: Path) -> Path | None:
    """Where the repository that `root` is in keeps its HEAD, None when it is in none."""
    top = next((folder for folder in (root, *root.parents) if _is_there(folder / ".git")), None)
    return top and _own_folder(top / ".git")


def _own_folder(git: Path) -> Path:
    """What `.git` is or, in a worktree or submodule, where it says that it is."""
    try:
        if git.is_file():
            told = git.read_text(encoding="utf-8", errors="replace")[:4096].removeprefix("gitdir:").strip()
            return (git.parent / told).resolve()
    except OSError:
        pass
    return git


def _git_folder(top: Path) -> Path:
    """The folder that all worktrees share."""
    own = _own_folder(top / ".git")
    try:
        return (own / (own / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return own


def _rules_in(folder: Path) -> set[str]:
    return {name for name in RULES if _is_there(folder / name)}


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _read(path: Path, base: str) -> Rules | None:
    """The rules in a file; None when there are none. As git, it does not follow a link to them."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("utf-8", errors="surrogateescape")
    except OSError:
        return None
    rules = gitignore.rules(text, base)
    return rules if rules.groups else None
