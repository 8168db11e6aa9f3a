"""Putting a document's text together again from its chunks, which repeat a little of each other."""

from __future__ import annotations

from collections.abc import Sequence

from petra.storage.chunks import Chunk

LONGEST_OVERLAP = 4000
SHORTEST_OVERLAP = 8
"""Characters; less may be chance, and a space too much is no harm."""

LONGEST_WORD = 200
"""Characters; a longer word is cut within, so nothing was lost between its two halves."""

UNSPACED = "\u2e80"
"""From here on scripts write sentences without a space between them (Chinese, Japanese)."""


def page_text(chunks: Sequence[Chunk], page: int) -> str:
    """The text of the chunks that touch `page`: all of it, and what runs over its borders."""
    return joined(
        [chunk.text for chunk in chunks if chunk.pages and chunk.pages[0] <= page <= chunk.pages[1]]
    )


def line_text(chunks: Sequence[Chunk], first: int, last: int) -> str:
    """Lines `first` to `last`, exactly where the chunks kept their lines, else the chunks around them.

    A long line may be in several chunks, each with a part of it.
    """
    near = [chunk for chunk in chunks if chunk.lines and chunk.lines[0] <= last and first <= chunk.lines[1]]
    known: dict[int, str] = {}
    for chunk in near:
        start, end = chunk.lines or (0, 0)
        lines = chunk.text.split("\n")
        if len(lines) != end - start + 1:
            return joined([chunk.text for chunk in near])
        for number, line in zip(range(start, end + 1), lines, strict=True):
            known[number] = _merged(known[number], line) if number in known else line
    if not known:
        return ""
    # Blank lines between two chunks belong to neither.
    return "\n".join(known.get(number, "") for number in range(first, min(last, max(known)) + 1))


def _merged(before: str, line: str) -> str:
    """One line from two parts of it, given in the order of the document."""
    if before.rstrip().endswith(line.rstrip()):
        return before
    if line.startswith(before) or (len(before) >= SHORTEST_OVERLAP and before in line):
        return line
    if repeated := _overlap(before, line):
        return before + line[repeated:]
    head, tail = before[-LONGEST_WORD:].split(" ")[-1], line[:LONGEST_WORD].split(" ")[0]
    together = len(head) + len(tail) > LONGEST_WORD or min(before[-1:], line[:1]) >= UNSPACED
    return before + ("" if together else " ") + line


def joined(texts: Sequence[str]) -> str:
    """The texts in order, without what each repeats from the end of the one before."""
    whole = ""
    for text in texts:
        repeated = _overlap(whole, text)
        whole += text[repeated:] if repeated else ("\n" if whole else "") + text
    return whole


def _overlap(before: str, text: str) -> int:
    """Length of the longest beginning of `text` that `before` ends with; 0 when it is a chance one."""
    for length in range(min(len(before), len(text), LONGEST_OVERLAP), SHORTEST_OVERLAP - 1, -1):
        if before.endswith(text[:length]):
            return length
    return 0
