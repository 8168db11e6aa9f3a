"""Putting a document's text together again from its chunks, which repeat a little of each other."""

from __future__ import annotations

from collections.abc import Sequence

from petra.storage.chunks import Chunk

LONGEST_OVERLAP = 4000
SHORTEST_OVERLAP = 8
"""Characters; less may be chance, and a space too much is no harm."""


def page_text(chunks: Sequence[Chunk], page: int) -> str:
    """The text of the chunks that touch `page`: all of it, and what runs over its borders."""
    return joined(
        [chunk.text for chunk in chunks if chunk.pages and chunk.pages[0] <= page <= chunk.pages[1]]
    )


def line_text(chunks: Sequence[Chunk], first: int, last: int) -> str:
    """Lines `first` to `last`, exactly where the chunks kept their lines, else the chunks around them."""
    near = [chunk for chunk in chunks if chunk.lines and chunk.lines[0] <= last and first <= chunk.lines[1]]
    known: dict[int, str] = {}
    for chunk in near:
        start, end = chunk.lines or (0, 0)
        lines = chunk.text.split("\n")
        if len(lines) != end - start + 1:
            return joined([chunk.text for chunk in near])
        known |= dict(zip(range(start, end + 1), lines, strict=True))
    if not known:
        return ""
    # Blank lines between two chunks belong to neither.
    return "\n".join(known.get(number, "") for number in range(first, min(last, max(known)) + 1))


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
