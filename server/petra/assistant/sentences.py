"""Where sentences begin and end, in passages and in answers, and which passages an answer names.

Pure functions on text. Offsets count characters of the text that was given, so that a quotation is
always an exact part of its passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Span = tuple[int, int]

_BULLET = re.compile(r"[ \t]*(?:[-*+•◦▪–]|#{1,6}|>|\(?\d{1,3}[.)])[ \t]+")
_STARTS_UNIT = re.compile(rf"{_BULLET.pattern}|[ \t]*\||[QA]: ")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_CODE = re.compile(r"(?s)```.*?(?:```|\Z)|`[^`\n]*`")
_CODE_LINE = re.compile(
    r"[;{}]$|^\s*(?:if|elif|else|for|while|with|try|except|case|switch)\b.*[:)]$"
    r"|^\s*(?:def|class|return|import|from|raise|yield|fn|func|let|const|var|static|void|int)\b"
    r"|^\s*(?:#(?:include|define|if|endif)|@\w|//|/\*)"
    r"|^\s*[\w.\[\]]+\s*[-+*/|]?=\s*\S"
    r"|^\s*[\w.]+\(.*\)$"
)
_STRONG_CODE_SHARE = 0.4
_MARKER = re.compile(
    r"[\[【［](?:(?:passages?|sources?|texts?)\s*)?\^?(\d{1,2}(?:\s*(?:,|;|–|-|and|&)\s*\d{1,2})*)[\]】］]",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(\d{1,2})\s*[–-]\s*(\d{1,2})")
# The end of a sentence with its closing quotes, and with a marker that follows the full stop.
_END = re.compile(
    rf"(?:(?<![.!?…])[.!?…]++[\"'”’»)\]]*+(?=\s|$|[\[【［]\d)|[。！？]+[」』）”]*)(?:\s*{_MARKER.pattern})*",
    re.IGNORECASE,
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|approx|Dr|Mr|Mrs|Ms|Prof|St|No|Fig|Sec|Ch|pp?|al|ca)|(?:^|\s)[A-Z]|[,;:(]\s?\d{1,2})\.$"
)


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer without its markers; `cited` are the passages it names, from 1.

    `lead` is the line that introduces it ("The four conditions are:"), for the items of a list.
    """

    text: str
    cited: frozenset[int]
    lead: str = ""


def spans(text: str) -> list[Span]:
    """The sentences of a text as (start, end), in order, without the blanks around them.

    A line break inside prose is a blank; headings, list items, table rows and lines of code stand
    alone.
    """
    found: list[Span] = []
    fenced = False
    width = max((len(line) for line in text.splitlines()), default=0)
    for paragraph in _paragraphs(text):
        if any(_FENCE.match(text, start, end) for start, end in paragraph):
            fenced = not fenced
        lines = [(start, end) for start, end in paragraph if not _FENCE.match(text, start, end)]
        signs = [bool(_CODE_LINE.search(text[start:end])) for start, end in lines]
        code = fenced or sum(signs) >= _STRONG_CODE_SHARE * max(len(lines), 2)
        found += _units(text, lines, signs if code else None, fenced, width)
    return [(start, end) for start, end in found if start < end]


def sentences(answer: str, passages: int) -> list[Sentence]:
    """The sentences of an answer, and which of the passages numbered 1 to `passages` each one names."""
    found: list[Sentence] = []
    lead = ""
    # In code, [1] is an index and not a marker.
    prose = _CODE.sub(lambda code: " " * len(code.group()), answer)
    for start, end in spans(answer):
        cited = markers(prose[start:end], passages)
        bullet = _BULLET.match(answer, start, end)
        text = _without_markers(answer, prose, bullet.end() if bullet else start, end)
        if not re.search(r"\w", text):
            if found and cited:  # a marker on a line of its own names the sentence before it
                last = found.pop()
                found.append(Sentence(last.text, last.cited | cited, last.lead))
            continue
        found.append(Sentence(text, cited, lead if bullet else ""))
        if not bullet:
            lead = text if text.endswith(":") else ""
    return found


def unmarked(unit: str) -> str:
    """A unit without the bullet or number that it starts with."""
    bullet = _BULLET.match(unit)
    return unit[bullet.end() :] if bullet else unit


def markers(text: str, passages: int) -> frozenset[int]:
    """The numbers in [1], [1][2], [1, 2], [1-3], 【1】 and [Passage 1] that are passages."""
    named: set[int] = set()
    for match in _MARKER.finditer(text):
        numbers = match.group(1)
        for first, last in _RANGE.findall(numbers):
            named.update(range(int(first), int(last) + 1))
        named.update(int(number) for number in re.findall(r"\d+", numbers))
    return frozenset(n for n in named if 1 <= n <= passages)


def _without_markers(answer: str, prose: str, start: int, end: int) -> str:
    """A part of the answer in one line, without markers and the blanks before them."""
    kept: list[str] = []
    for match in _MARKER.finditer(prose, start, end):
        kept.append(answer[start : match.start()].rstrip() + " ")
        start = match.end()
    text = " ".join("".join([*kept, answer[start:end]]).split())
    return re.sub(r" (?=[.,;:!?](?: |$))", "", text)


def _paragraphs(text: str) -> Iterator[list[Span]]:
    """Runs of lines without a blank line, a fence or its end between them; each line as (start, end)."""
    lines: list[Span] = []
    offset = 0
    for line in text.splitlines(keepends=True):
        start = offset + len(line) - len(line.lstrip())
        end = offset + len(line.rstrip())
        offset += len(line)
        if lines and (start >= end or _FENCE.match(text, start, end)):
            yield lines
            lines = []
        if start < end:
            lines.append((start, end))
    if lines:
        yield lines


def _units(text: str, lines: list[Span], signs: list[bool] | None, fenced: bool, width: int) -> list[Span]:
    """The sentences of one paragraph. `signs` tells its lines of code, or is None for prose."""
    found: list[Span] = []
    opened: int | None = None
    for i, (start, end) in enumerate(lines):
        alone = fenced or bool(signs and signs[i])
        breaks = signs is None and _STARTS_UNIT.match(text, start, end)
        if opened is not None and (alone or breaks):
            found += _prose(text, opened, lines[i - 1][1])
            opened = None
        if alone:
            found.append((start, end))
            continue
        opened = start if opened is None else opened
        # A short line before one that starts like a sentence is a heading or the end of a paragraph.
        follows = text[lines[i + 1][0]] if i + 1 < len(lines) else ""
        short = end - start < 0.6 * width and (follows.isupper() or follows.isdigit())
        if signs is None and (short or text[end - 1] == ":" or text[start] in "#|"):
            found += _prose(text, opened, end)
            opened = None
    if opened is not None:
        found += _prose(text, opened, lines[-1][1])
    return found


def _prose(text: str, start: int, end: int) -> list[Span]:
    """The sentences between two offsets."""
    found: list[Span] = []
    bullet = _BULLET.match(text, start, end)
    for match in _END.finditer(text, bullet.end() if bullet else start, end):
        stop = match.end()
        before = text[max(start, match.start() - 8) : match.start() + 1]
        if match.start() < start or _ABBREVIATION.search(before):
            continue
        found.append((start, stop))
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if start < end:
        found.append((start, end))
    return found
