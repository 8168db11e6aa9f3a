"""Putting a document's text together again from its chunks, which say what they repeat of each other."""

from __future__ import annotations

from collections.abc import Sequence

from petra.storage.chunks import Chunk


def page_text(chunks: Sequence[Chunk], page: int) -> str:
    """The text of the chunks that touch `page`: all of it, and what runs over its borders."""
    return joined([chunk for chunk in chunks if chunk.pages and chunk.pages[0] <= page <= chunk.pages[1]])


def line_text(chunks: Sequence[Chunk], first: int, last: int) -> str:
    """Lines `first` to `last`, exactly, of a document whose chunks have lines; as many as there are."""
    near = [chunk for chunk in chunks if chunk.lines and chunk.lines[0] <= last and first <= chunk.lines[1]]
    if not near:
        return ""
    start, _ = near[0].lines or (1, 1)
    lines = joined(near).split("\n")
    # Blank lines in front belong to no chunk.
    return "\n".join([""] * (start - first) + lines[max(first - start, 0) : last - start + 1])


def joined(chunks: Sequence[Chunk]) -> str:
    """The text of neighbouring chunks in order, each part of it once."""
    if not chunks:
        return ""
    first, *others = chunks
    return first.text + "".join(chunk.gap + chunk.text[chunk.overlap :] for chunk in others)
