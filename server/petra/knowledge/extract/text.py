"""Markdown, plain text and source code to blocks. Line numbers are exact."""

from __future__ import annotations

import re

from petra.knowledge.blocks import Block
from petra.knowledge.extract.sniff import Text
from petra.knowledge.hygiene import clean, lines_of

_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_LONGEST_HEADING = 100


def read(text: Text) -> list[Block]:
    """Blocks of a text file: sections of Markdown, otherwise the whole file as one."""
    content = clean(text.content)
    if text.media_type == "text/markdown":
        return sections(content, [])
    return [Block(text=content, kind="source" if text.media_type == "text/x-source" else "prose", line=1)]


def sections(content: str, path: list[tuple[int, str]]) -> list[Block]:
    """A block for each heading of Markdown with what stands under it; its header is the path of headings.

    `path` has (level, title) of the headings above the text, and afterwards those above what follows it.
    """
    lines = lines_of(content)
    blocks: list[Block] = []
    start = 0
    for at, level, title in _headings(lines):
        _close(blocks, lines, path, start, at)
        path[:] = [item for item in path if item[0] < level]
        path.append((level, title))
        start = at
    _close(blocks, lines, path, start, len(lines))
    return blocks


def shown(path: list[tuple[int, str]]) -> str:
    """A path of headings as a header."""
    return " › ".join(title for _, title in path)


def _headings(lines: list[str]) -> list[tuple[int, int, str]]:
    """(line index, level, title) of each heading outside fenced code and front matter."""
    found: list[tuple[int, int, str]] = []
    fence = ""
    first = 0
    if lines[0].strip() == "---" and "---" in (tail := [line.strip() for line in lines[1:200]]):
        first = tail.index("---") + 2
    for at, line in enumerate(lines[first:], first):
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = ""
        elif fence:
            continue
        elif heading := _HEADING.match(line):
            found.append((at, len(heading[1]), _title(heading[2])[:_LONGEST_HEADING]))
        elif _is_underlined(lines, at, first):
            found.append((at - 1, 1 if "=" in line else 2, lines[at - 1].strip()[:_LONGEST_HEADING]))
    return found


def _title(rest: str) -> str:
    """A heading without the `#` that may close it; those of `C#` belong to it."""
    title = rest.strip()
    opened = title.rstrip("#")
    return opened.rstrip() if not opened or opened[-1].isspace() else title


def _is_underlined(lines: list[str], at: int, first: int) -> bool:
    """Whether the line before `at` is a heading because this one underlines it."""
    if at <= first or not _UNDERLINE.match(lines[at]):
        return False
    above = lines[at - 1].strip()
    alone = at - 1 == first or not lines[at - 2].strip()
    return alone and bool(above) and not above.startswith(("#", "|", "-", "*", ">", "```", "~~~"))


def _close(blocks: list[Block], lines: list[str], path: list[tuple[int, str]], start: int, end: int) -> None:
    text = "\n".join(lines[start:end])
    if text.strip():
        blocks.append(Block(text=text, header=shown(path), line=start + 1))
