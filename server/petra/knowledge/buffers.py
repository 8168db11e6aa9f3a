"""Documents that are open in an editor: searched in memory, as they are typed, and never stored.

A buffer is cut like a file without a syntax tree, its pieces are ranked by the words they share with the
query (BM25), and the best few get their similarity of meaning from the embedder, so that they can stand
among passages of the index.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from petra.knowledge.blocks import Block, Kind, Piece, embedded_text
from petra.knowledge.chunking import chunk
from petra.knowledge.search import Passage

SIZE = 200
"""Tokens of a piece, estimated."""
EMBEDDED = 8
"""Pieces of all buffers together that are embedded for one question: about a third of a second."""
LARGEST = 1 << 20
"""Characters of a buffer that are looked at; longer ones are data."""

Near = Callable[[str, Sequence[str]], Awaitable[list[float] | None]]
"""`Searcher.near`."""

_PROSE = frozenset((".md", ".markdown", ".rst", ".txt", ".tex", ".org", ".adoc", ""))
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_SATURATION, _LENGTH = 1.2, 0.75  # k1 and b of BM25 as they are usually set


@dataclass(frozen=True)
class Buffer:
    """An open document. `path` is how its passages name it. The ids are those of the document and
    collection that it is a newer version of; empty for a file that is in none."""

    path: str
    text: str
    document_id: str = ""
    collection_id: str = ""


async def search(
    query: str,
    buffers: Sequence[Buffer],
    k: int,
    near: Near,
) -> list[Passage]:
    """The pieces of `buffers` that fit `query` best, at most `k`, the nearest in meaning first; where `near`
    knows nothing, in the order of their words."""
    found = await asyncio.to_thread(by_words, query, buffers, min(k, EMBEDDED))
    if not found:
        return []
    meaning = await near(query, [embedded_text(piece.header, piece.text) for _, piece, _ in found])
    if meaning is None:
        return [_passage(buffer, piece, said, None) for buffer, piece, said in found]
    passages = [_passage(*item, dense) for item, dense in zip(found, meaning, strict=True)]
    return sorted(passages, key=lambda passage: -(passage.dense or 0.0))


def by_words(query: str, buffers: Sequence[Buffer], k: int) -> list[tuple[Buffer, Piece, float]]:
    """The `k` best pieces by BM25, each with its part of the best score. Takes milliseconds a buffer."""
    wanted = set(_words(query))
    pieces = [(buffer, piece) for buffer in buffers for piece in cut(buffer)]
    counted = [Counter(_words(f"{buffer.path} {piece.text}")) for buffer, piece in pieces]
    usual = sum(map(Counter.total, counted)) / len(counted) if counted else 1.0
    rarity = {word: _rarity(sum(word in words for words in counted), len(counted)) for word in wanted}
    scores = [
        sum(rarity[word] * _weight(words[word], words.total(), usual) for word in wanted if word in words)
        for words in counted
    ]
    order = sorted(range(len(pieces)), key=lambda at: -scores[at])[:k]
    most = max(scores, default=0.0) or 1.0
    return [(*pieces[at], scores[at] / most) for at in order if scores[at] > 0]


def cut(buffer: Buffer) -> list[Piece]:
    """The text of a buffer in pieces, with their lines."""
    kind: Kind = "prose" if PurePath(buffer.path).suffix.lower() in _PROSE else "source"
    text = buffer.text[:LARGEST].replace("\r\n", "\n").replace("\r", "\n")
    return chunk([Block(text, kind=kind, line=1)], _tokens, SIZE, 0)


def whole(buffer: Buffer, k: int) -> list[Passage]:
    """The first `k` pieces, for somebody who names a file and nothing that is in it."""
    return [_passage(buffer, piece, 0.0, None) for piece in cut(buffer)[:k]]


def _tokens(texts: Sequence[str]) -> list[int]:
    return [len(text) // 3 + 1 for text in texts]


def _words(text: str) -> list[str]:
    """Words in lower case, names taken apart as people read them: `readFile_now` is read, file, now."""
    return [word.lower() for word in _WORD.findall(text)]


def _rarity(having: int, count: int) -> float:
    return math.log(1 + (count - having + 0.5) / (having + 0.5))


def _weight(times: int, length: int, usual: float) -> float:
    return times * (_SATURATION + 1) / (times + _SATURATION * (1 - _LENGTH + _LENGTH * length / usual))


def _passage(buffer: Buffer, piece: Piece, lexical: float, dense: float | None) -> Passage:
    return Passage(
        chunk_id=0,
        document_id=buffer.document_id,
        collection_id=buffer.collection_id,
        document=PurePath(buffer.path).name,
        path=buffer.path,
        header=piece.header,
        text=piece.text,
        pages=None,
        lines=piece.lines,
        score=round(lexical if dense is None else max(dense, 0.0), 4),
        dense=None if dense is None else round(dense, 4),
        lexical=round(lexical, 4),
    )
