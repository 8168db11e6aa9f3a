"""LaTeX to blocks: a section each, or a slide of a talk, with exact lines. Comments are dropped, commands
stay: a formula is its commands."""

from __future__ import annotations

import re

from petra.knowledge.blocks import Block
from petra.knowledge.extract.text import shown
from petra.knowledge.hygiene import clean, lines_of

_LEVELS = {
    name: level
    for level, name in enumerate(
        ("part", "chapter", "section", "subsection", "subsubsection", "paragraph"), 1
    )
}
_FRAME = len(_LEVELS) + 1
_OPTIONS = r"\s*+(?:\[[^\]]{0,200}\])?\s*+"
_HEADING = re.compile(rf"\\({'|'.join(_LEVELS)})\*?{_OPTIONS}\{{")
_TITLE = re.compile(rf"\\begin\{{frame\}}\s*+(?:<[^>]{{0,200}}>)?{_OPTIONS}\{{|\\frametitle{_OPTIONS}\{{")
_END_FRAME = re.compile(r"\\end\{frame\}")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%.*")
_VERBATIM = re.compile(r"\\(begin|end)\{(?:verbatim|Verbatim|lstlisting|minted|alltt)\*?\}")
_LONGEST_HEADING = 100


def read(content: str) -> list[Block]:
    """The sections of a file. What it includes with `\\input` is a file of its own."""
    lines = _without_comments(lines_of(clean(content)))
    blocks: list[Block] = []
    path: list[tuple[int, str]] = []
    start = 0
    for at, line in enumerate(lines):
        if _END_FRAME.search(line):
            _close(blocks, lines, path, start, at + 1)
            path, start = [item for item in path if item[0] < _FRAME], at + 1
        elif found := _heading(line):
            level, title = found
            # `\begin{frame}` may stand on the line before its `\frametitle`.
            opened = level == _FRAME and at > start and lines[at - 1].lstrip().startswith(r"\begin{frame}")
            here = at - opened
            _close(blocks, lines, path, start, here)
            path = [item for item in path if item[0] < level]
            path.append((level, title))
            start = here
    _close(blocks, lines, path, start, len(lines))
    return blocks


def _without_comments(lines: list[str]) -> list[str]:
    """The lines, as many as before. In listings `%` is a character like others."""
    kept, listing = [], False
    for line in lines:
        marks = [found[1] for found in _VERBATIM.finditer(line)]
        kept.append(line if listing or marks else _COMMENT.sub(r"\1", line))
        if marks:
            listing = marks[-1] == "begin"
    return kept


def _heading(line: str) -> tuple[int, str] | None:
    if found := _HEADING.search(line):
        level = _LEVELS[found[1]]
    elif found := _TITLE.search(line):
        level = _FRAME
    else:
        return None
    title = " ".join(_braced(line, found.end()).split())[:_LONGEST_HEADING]
    return (level, title) if title else None


def _braced(line: str, start: int) -> str:
    """What stands between the brace before `start` and its partner, or the end of the line."""
    depth = 1
    for at in range(start, len(line)):
        depth += (line[at] == "{") - (line[at] == "}")
        if depth == 0:
            return line[start:at]
    return line[start:]


def _close(blocks: list[Block], lines: list[str], path: list[tuple[int, str]], start: int, end: int) -> None:
    text = "\n".join(lines[start:end])
    if text.strip():
        blocks.append(Block(text=text, header=shown(path), line=start + 1))
