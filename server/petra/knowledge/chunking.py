"""From blocks to chunks. Pure: tokens are counted by the function it is given.

A block is cut into atoms (sentences, lines), each with how good a place its beginning is to cut at;
atoms are packed until a chunk is full, and the chunk then ends at the best place in its second half.
Own ranges of the chunks cover a block exactly once; the overlap is counted beside.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from petra.knowledge.blocks import Block, Piece, embedded_text

CountTokens = Callable[[Sequence[str]], list[int]]

# How good a place to cut at is; smaller is better.
_PARAGRAPH, _LINE, _SENTENCE, _WORD = range(4)

_PROSE_CUT = re.compile(
    r"(?P<paragraph>\n[^\S\n]*\n\s*)|(?P<line>\n)|(?<=[.!?])[\"'”’)\]]*(?P<sentence>[^\S\n]+)(?=[^\sa-z])"
    r"|(?<=[。！？])(?P<cjk>)"
)
_LEVELS = {"paragraph": _PARAGRAPH, "line": _LINE, "sentence": _SENTENCE, "cjk": _SENTENCE}
_WORDS = re.compile(r"\S+\s*")
# No tokenizer takes kindly to a megabyte without a space.
_LONGEST_WORD = 200


@dataclass(frozen=True)
class _Atom:
    start: int
    end: int
    level: int
    tokens: int


def chunk(blocks: Iterable[Block], count_tokens: CountTokens, size: int, overlap: int) -> list[Piece]:
    """Pieces of at most `size` tokens, header included, in the order of the document.

    Up to `overlap` tokens of the piece before it stand in front of a piece of the same block. A block
    never shares a piece with another one, so that pages stay pages.
    """
    pieces: list[Piece] = []
    for block in blocks:
        header, cost = _header(block.header, count_tokens, size)
        room = size - cost
        atoms = _atoms(block, count_tokens, room)
        lines = [found.end() for found in re.finditer("\n", block.text)]
        start = 0
        while start < len(atoms):
            before = _overlap(atoms, start, overlap)
            end = _fill(atoms, start, before, room)
            piece = _piece(block, header, lines, atoms, before, start, end)
            # Counts of parts need not add up to the count of the whole: cut until the whole fits.
            while count_tokens([embedded_text(header, piece.text)])[0] > size:
                if before < start:
                    before += 1
                elif end > start + 1:
                    end -= 1
                else:
                    break
                piece = _piece(block, header, lines, atoms, before, start, end)
            if piece.text.strip():  # blanks longer than a chunk are no passage
                pieces.append(piece)
            start = end
    return pieces


def _header(header: str, count_tokens: CountTokens, size: int) -> tuple[str, int]:
    """The end of a heading path that costs at most a quarter of a chunk (the nearest heading says most),
    and its cost."""
    parts = header.split(" › ") if header else []
    while parts:
        text = " › ".join(parts)
        cost = count_tokens([text])[0]
        if cost <= size // 4:
            return text, cost
        parts = parts[1:]
    return "", 0


def _atoms(block: Block, count_tokens: CountTokens, room: int) -> list[_Atom]:
    """Atoms that cover the block's text without gaps, blank ones joined to the atom before."""
    cuts = _source_cuts(block.text) if block.kind == "source" else _prose_cuts(block.text)
    spans = _spans(block.text, cuts)
    counts = count_tokens([block.text[start:end] for start, end, _ in spans])
    atoms: list[_Atom] = []
    for (start, end, level), tokens in zip(spans, counts, strict=True):
        if tokens <= room:
            atoms.append(_Atom(start, end, level, tokens))
            continue
        words = _words(block.text, start, end)
        word_counts = count_tokens([block.text[a:b] for a, b in words])
        for (a, b), cost in zip(words, word_counts, strict=True):
            atoms += _halved(
                block.text, _Atom(a, b, level if a == start else _WORD, cost), count_tokens, room
            )
    return atoms


def _halved(text: str, atom: _Atom, count_tokens: CountTokens, room: int) -> list[_Atom]:
    """The atom, in as many parts as it takes for each to fit."""
    if atom.tokens <= room or atom.end - atom.start == 1:
        return [atom]
    middle = (atom.start + atom.end) // 2
    left, right = count_tokens([text[atom.start : middle], text[middle : atom.end]])
    return [
        *_halved(text, _Atom(atom.start, middle, atom.level, left), count_tokens, room),
        *_halved(text, _Atom(middle, atom.end, _WORD, right), count_tokens, room),
    ]


def _spans(text: str, cuts: Iterable[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(start, end, level) of what lies between the cuts. Long stretches without a blank are cut too."""
    spans: list[tuple[int, int, int]] = []
    start, level = 0, _PARAGRAPH
    for at, next_level in [*cuts, (len(text), _PARAGRAPH)]:
        if not text[start:at].strip():
            # Blank: belongs to what came before, and makes the next cut no worse than this one.
            if spans:
                spans[-1] = (spans[-1][0], at, spans[-1][2])
                start, level = at, min(level, next_level)
            continue
        spans.append((start, at, level))
        start, level = at, next_level
    return spans


def _words(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Spans of words, the blanks after them included; very long words in parts."""
    spans: list[tuple[int, int]] = []
    at = start
    for word in _WORDS.finditer(text, start, end):
        while word.end() - at > _LONGEST_WORD:
            spans.append((at, at + _LONGEST_WORD))
            at += _LONGEST_WORD
        if at < word.end():
            spans.append((at, word.end()))
        at = word.end()
    return spans


def _prose_cuts(text: str) -> list[tuple[int, int]]:
    """(offset, level) of paragraph, line and sentence beginnings."""
    return [(found.end(), _LEVELS[str(found.lastgroup)]) for found in _PROSE_CUT.finditer(text)]


def _source_cuts(text: str) -> list[tuple[int, int]]:
    """(offset, level) of line beginnings: best before an unindented line after a blank one, then after
    any blank line, then before any line that is not deeper than the one before it."""
    cuts: list[tuple[int, int]] = []
    offset, blank, depth = 0, True, 0
    for line in text.split("\n")[:-1]:
        offset += len(line) + 1
        body = line.strip()
        if body:
            depth = len(line) - len(line.lstrip())
        blank = not body
        following = text[offset : offset + _LONGEST_WORD].split("\n", 1)[0]
        indent = len(following) - len(following.lstrip())
        closes = following.strip()[:1] in ("", "}", ")", "]")
        if blank and not indent and not closes:
            cuts.append((offset, _PARAGRAPH))
        elif blank and not closes:
            cuts.append((offset, _LINE))
        else:
            cuts.append((offset, _SENTENCE if indent <= depth and not closes else _WORD))
    return cuts


def _overlap(atoms: Sequence[_Atom], start: int, overlap: int) -> int:
    """Index of the first of the atoms before `start` that fit into the overlap. What begins with a
    paragraph or a definition speaks for itself and gets none."""
    if atoms[start].level == _PARAGRAPH:
        return start
    tokens, first = 0, start
    while first and (tokens := tokens + atoms[first - 1].tokens) <= overlap:
        first -= 1
    return first


def _fill(atoms: Sequence[_Atom], start: int, before: int, room: int) -> int:
    """Index after the last atom of the piece that begins with `before` and owns from `start` on."""
    tokens = sum(atom.tokens for atom in atoms[before:start])
    end = start
    while end < len(atoms) and (end == start or tokens + atoms[end].tokens <= room):
        tokens += atoms[end].tokens
        end += 1
    if end == len(atoms):
        return end
    half, used = start + 1, 0
    for at in range(start, end):
        used += atoms[at].tokens
        if used * 2 >= room:
            half = at + 1
            break
    # The best place to cut; of equally good ones the last.
    return max(range(min(half, end), end + 1), key=lambda at: (-atoms[at].level, at))


def _piece(
    block: Block, header: str, lines: Sequence[int], atoms: Sequence[_Atom], before: int, start: int, end: int
) -> Piece:
    """The piece of atoms `before` to `end` that owns those from `start` on, without outer blank lines.

    `lines` holds the offset of each line but the first.
    """
    text = block.text
    stop = atoms[end - 1].end
    own = _skip_blank(block, atoms[start].start, stop)
    first = _skip_blank(block, atoms[before].start, own) if before < start else own
    body = text[first:stop].rstrip()
    last = first + len(body)
    pages = spanned = None
    if block.page is not None:
        turn = len(text) + 1 if block.turn is None else block.turn
        pages = (block.page + (first >= turn), block.page + (last > turn))
    if block.line is not None:
        spanned = (block.line + bisect_right(lines, first), block.line + bisect_right(lines, last - 1))
    return Piece(header=header, text=body, overlap=own - first, pages=pages, lines=spanned)


def _skip_blank(block: Block, start: int, stop: int) -> int:
    """Where text begins; in source code the indent of its first line stays."""
    at = start
    while at < stop and block.text[at].isspace():
        at += 1
    if block.kind == "source" and at < stop:
        return max(start, block.text.rfind("\n", start, at) + 1)
    return at
