"""What git leaves out: rules of `.gitignore` files and of files like them. Pure.

pathspec turns each line into a regular expression. How the lines of many files decide together is here,
because a walk asks about each entry once, from the top down, and never about what is below a folder that
is left out: so an expression has to fit the entry itself, not what is below it, and all lines in a row
that say the same can be one expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

LONGEST = 256 * 1024
"""Bytes of a file of rules that are read: longer ones were not written by people."""
_BELOW = "(?P<ps_d>/)"
_SELF_OR_BELOW = "(?:(?P<ps_d>/)|$)"
_ANYWHERE = "^(?:.+/)?"
_STAR = "[^/]*"
_DEEPER = "(?:/.+)?/"
_ALL_FOLDERS = r".+/\Z"
_SPECIAL = {".": ".", _BELOW: _ALL_FOLDERS, "/": _ALL_FOLDERS}


@dataclass(frozen=True)
class _Group:
    """Lines in a row that say the same. Those without a slash in the middle are about a name, wherever it is:
    most are, and a name is quicker to compare than a path."""

    leave_out: bool
    name: re.Pattern[str] | None
    path: re.Pattern[str] | None


@dataclass(frozen=True)
class Rules:
    """The rules of one file. `base` is the folder they are for, as a prefix of paths: `""` or `"a/b/"`.
    The last line of the file is in the first group."""

    base: str
    groups: tuple[_Group, ...]

    def decide(self, path: str, name: str) -> bool | None:
        """Whether `path`, whose last part is `name`, is left out; None when no rule speaks of it. A folder's
        path and name end with `/`."""
        for group in self.groups:
            if (group.name and group.name.match(name)) or (
                group.path and group.path.match(path, len(self.base))
            ):
                return group.leave_out
        return None


def rules(text: str, base: str = "") -> Rules:
    """The rules that `text` holds, one a line. Lines that git would not understand say nothing."""
    lines = list(_expressions(text))
    lines.reverse()
    groups = []
    for leave_out, some in groupby(lines, key=lambda item: item[0]):
        expressions = [expression for _, expression in some]
        names = [expression[len(_ANYWHERE) :] for expression in expressions if _is_name(expression)]
        paths = [expression.removeprefix("^") for expression in expressions if not _is_name(expression)]
        groups.append(_Group(leave_out, _any(names), _any(paths)))
    return Rules(base, tuple(groups))


def line_for(path: str) -> str:
    """The line that leaves out `path` (relative to the folder of the rules) and nothing else. What such a
    file cannot hold (an end of line, a blank at the end) is written as `?`, which fits any character."""
    line = "/" + re.sub(r"([\\*?\[])", r"\\\1", path)
    return re.sub(r"[\n\r]|\s\Z", "?", line)


def left_out(path: str, name: str, stack: Sequence[Rules]) -> bool | None:
    """What the deepest of these files that speaks of `path` says. They are given from the top down."""
    for item in reversed(stack):
        if (decision := item.decide(path, name)) is not None:
            return decision
    return None


def _expressions(text: str) -> Iterator[tuple[bool, str]]:
    for line in text.removeprefix("\ufeff").split("\n"):
        try:
            expression, leave_out = GitIgnoreSpecPattern.pattern_to_regex(line.removesuffix("\r"))
            if expression is not None and leave_out is not None:
                expression = _exactly(expression, line.rstrip().endswith("/**/"))
                re.compile(_quick(expression))
                yield leave_out, expression
        except (GitIgnorePatternError, re.error):
            continue


def _is_name(expression: str) -> bool:
    """Whether an expression fits one name in any folder. What `*` and the like become has slashes too."""
    if not expression.startswith(_ANYWHERE):
        return False
    name = expression[len(_ANYWHERE) :].removesuffix(r"/?\Z").removesuffix(r"/\Z")
    return "/" not in name.replace("[^/]", "")


def _any(expressions: Sequence[str]) -> re.Pattern[str] | None:
    quick = (f"(?:{_quick(item)})" for item in expressions)
    return re.compile("|".join(quick), re.DOTALL) if expressions else None


def _quick(expression: str) -> str:
    """The same, without trying all ways to share a path out among many `*` and `**`: what stands between two
    of them is looked for once, from the left. Lines such as `*a*a*a*a*b` and `**/a/**/a/**/b` may lie in
    anybody's repository."""
    first, *parts = map(_quick_below, expression.split(_DEEPER))
    if not parts:
        return first
    between = (f"(?>(?:/.+?)??/{part}(?=/))" for part in parts[:-1])
    return "".join([_from_the_left(first), *between, _DEEPER, parts[-1]])


def _from_the_left(first: str) -> str:
    """What stands before a `**`: if it may be anywhere itself, its first place is as good as any."""
    anywhere = _ANYWHERE.removeprefix("^")
    first = first.removeprefix("^")
    return f"(?>(?:.+?/)??{first.removeprefix(anywhere)}(?=/))" if first.startswith(anywhere) else first


def _quick_below(part: str) -> str:
    """The same for the `*` of a part without `**`."""
    first, *pieces = part.split(_STAR)
    between = (f"(?>{_STAR}?{piece})" for piece in pieces[:-1])
    return "".join([first, *between, *(_STAR + piece for piece in pieces[-1:])])


def _exactly(expression: str, folders_below: bool) -> str:
    """Of an expression that fits a path and all that is below it, one that fits only the path."""
    if expression in _SPECIAL:
        return _SPECIAL[expression]
    if expression.endswith(_SELF_OR_BELOW):
        return expression.removesuffix(_SELF_OR_BELOW) + r"/?\Z"
    if expression.endswith(_BELOW):
        return expression.removesuffix(_BELOW) + (r"/.+/\Z" if folders_below else r"/\Z")
    return f"{expression}."  # `a/**`: everything below a, and not a itself
