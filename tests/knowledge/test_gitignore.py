"""What git leaves out, compared with git itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from petra.knowledge import gitignore
from petra.knowledge.gitignore import rules
from petra.knowledge.walk import walk

NAMES = ("a", "b", "c.py", "b.log", "dd", "x y", "[z]", "ü.txt")


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-c", "core.excludesFile=", "-c", "core.quotePath=false", *arguments]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, check=True).stdout


def kept_by_git(root: Path) -> list[str]:
    listed = git(root, "ls-files", "-z", "--others", "--exclude-standard")
    return sorted(path for path in listed.split("\0") if path and Path(path).name != ".gitignore")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with every name below every name, three deep."""
    root = tmp_path_factory.mktemp("git")
    git(root, "init", "-q")
    for first in NAMES:
        (root / f"{first}_").mkdir()
        for second in NAMES:
            (root / f"{first}_" / second).mkdir()
            for third in NAMES:
                (root / f"{first}_" / second / third).touch()
    for name in ("a", "b", "dd"):
        (root / name / "a" / "b").mkdir(parents=True)
        for place in (root / name, root / name / "a", root / name / "a" / "b"):
            (place / "c.py").touch()
            (place / "b.log").touch()
    return root


part = st.sampled_from(
    ["a", "b", "dd", "a_", "*", "**", "c.py", "*.py", "*.log", "?", "d?", "[ab]", "[!a]", "b*", "*_", "x\\ y"]
)
line = st.builds(
    lambda no, anchored, parts, folder: f"{no}{anchored}{'/'.join(parts)}{folder}",
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(part, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
) | st.sampled_from(
    ["", "# a", "\\#", "a ", "/", "[", "\\[z\\]", "*/", "!*/", "/*", "ü*", "\t", "a/**", "a/**/", "**/b"]
)


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(top=st.lists(line, max_size=5), deeper=st.lists(line, max_size=4), exclude=st.lists(line, max_size=2))
def test_the_walk_keeps_what_git_keeps(
    repository: Path, top: list[str], deeper: list[str], exclude: list[str]
) -> None:
    (repository / ".gitignore").write_text("\n".join(top) + "\n")
    (repository / "a" / ".gitignore").write_text("\n".join(deeper) + "\n")
    (repository / ".git" / "info" / "exclude").write_text("\n".join(exclude) + "\n")
    assert [file.path for file in walk(repository).files] == kept_by_git(repository)


names = st.sampled_from(["a", "b", "aa", "ab", "ba", "aab", "abab"])


@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    parts=st.lists(
        st.sampled_from(["a", "b", "?", "[ab]", "*", "**", "**", "*a", "a*", "*a*b", "*a*b*a"]), max_size=7
    ),
    path=st.lists(names, min_size=1, max_size=7),
    folder=st.booleans(),
)
def test_what_is_quick_says_what_is_plain(parts: list[str], path: list[str], folder: bool) -> None:
    entry = "/".join(path) + "/" * folder
    for _, expression in gitignore._expressions("/".join(parts)):
        plain, quick = re.compile(expression), re.compile(gitignore._quick(expression))
        assert bool(quick.match(entry)) is bool(plain.match(entry)), (expression, entry)


def test_many_stars_take_no_time() -> None:
    line, path = "*a" * 12 + "*b", "a" * 200
    assert rules(line).decide(path, path) is None
    assert rules(line).decide(path + "b", path + "b") is True


_names = st.text(
    st.sampled_from("ab .!#*?[]\\-ü\n\r\t~") | st.characters(exclude_characters="/\0", codec="utf-8"),
    min_size=1,
).filter(lambda name: name not in (".", ".."))
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)


@given(_paths, _paths)
def test_the_line_for_a_path_leaves_out_that_path_and_no_other(path: str, other: str) -> None:
    line = gitignore.line_for(path)
    assert "\n" not in line
    stack = [rules(line)]
    assert gitignore.left_out(path, path.rpartition("/")[2], stack)
    if "?" not in line and not other.startswith(f"{path}/") and other != path:
        assert not gitignore.left_out(other, other.rpartition("/")[2], stack)


@pytest.mark.parametrize("name", ["a b ", "#note", "!why", "[z]", "a*b", "back\\slash", "tab\t", "x?"])
def test_the_line_for_a_path_is_read_by_git_too(tmp_path: Path, name: str) -> None:
    git(tmp_path, "init", "-q")
    for each in (name, "beside"):
        (tmp_path / each).write_text("text")
    (tmp_path / ".gitignore").write_text(gitignore.line_for(name) + "\n")
    assert kept_by_git(tmp_path) == ["beside"]
