"""From blocks to chunks. Pure: tokens are counted by the function it is given.

Prose is cut into atoms (sentences, lines), each with how good a place its beginning is to cut at; atoms
are packed until a chunk is full, and the chunk then ends at the best place in its second half. Source
text and tables are cut in rows, by `splitting`. Own ranges of the chunks cover a block exactly once; the
overlap of prose is counted beside.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

from petra.knowledge.blocks import Block, Outline, Piece, Span, embedded_text
from petra.knowledge.splitting import Rows, split

CountTokens = Callable[[Sequence[str]], list[int]]

VERSION = 2
"""Raise it when the same file would make other chunks or symbols: documents of an older one are read
again at the next look at their folder."""

# How good a place to cut at is; smaller is better.
_PARAGRAPH, _LINE, _SENTENCE, _WORD = range(4)

_PROSE_CUT = re.compile(
    r"(?P<paragraph>\n[^\S\n]*\n\s*)|(?P<line>\n)|(?<=[.!?])[\"'”’)\]]*(?P<sentence>[^\S\n]+)(?=[^\sa-z])"
    r"|(?<=[。！？])(?P<cjk>)"
)
_LEVELS = {"paragraph": _PARAGRAPH, "line": _LINE, "sentence": _SENTENCE, "cjk": _SENTENCE}
_TABLE = re.compile(r"(?:^[^\S\n]*\|[^\n]*(?:\n|\Z)){2,}", re.MULTILINE)
_WORDS = re.compile(r"\S+\s*")
# No tokenizer takes kindly to a megabyte without a space.
_LONGEST_WORD = 200


@dataclass(frozen=True)
class _Atom:
    start: int
    end: int
    level: int
    tokens: int


@dataclass(frozen=True)
class _Cut:
    """A piece as places in its block: `text[own:end]` is its own, and `text[first:own]` is repeated."""

    header: str
    first: int
    own: int
    end: int


def chunk(
    blocks: Iterable[Block],
    count_tokens: CountTokens,
    size: int,
    overlap: int,
    *,
    outlines: Iterable[Outline | None] = (),
    source_size: int | None = None,
    additive: bool = False,
) -> list[Piece]:
    """Pieces of at most `size` tokens, header included, in the order of the document; of source text, of
    at most `source_size`.

    Up to `overlap` tokens of the piece before it stand in front of a piece of the same block of prose. A
    block never shares a piece with another one, so that pages stay pages. `outlines` has what a parser
    knows of each block. `additive` says that tokens of lines add up to those of the text.
    """
    pieces: list[Piece] = []
    gap = ""
    for block, outline in zip_longest(blocks, outlines):
        if block.kind == "prose":
            cuts = _prose(block, count_tokens, size, overlap)
        else:
            most = source_size if source_size and block.kind == "source" else size
            cuts = _in_rows(block, outline, count_tokens, most, additive)
        lines = [found.end() for found in re.finditer("\n", block.text)]
        done = 0
        for cut in cuts:
            if cut.own < cut.end:  # blanks longer than a chunk are no passage
                pieces.append(_piece(block, cut, gap + block.text[done : cut.own], lines))
                gap, done = "", cut.end
        gap += block.text[done:] + "\n"
    return pieces


def _prose(block: Block, count_tokens: CountTokens, size: int, overlap: int) -> Iterator[_Cut]:
    header, cost = _header(block.header, count_tokens, size)
    room = size - cost
    atoms = _atoms(block.text, _prose_cuts(block.text), count_tokens, room)
    yield from _packed(block.text, header, atoms, count_tokens, size, room, overlap)


def _packed(
    text: str,
    header: str,
    atoms: Sequence[_Atom],
    count_tokens: CountTokens,
    size: int,
    room: int,
    overlap: int,
) -> Iterator[_Cut]:
    """Atoms together, as many as fit."""
    start = 0
    while start < len(atoms):
        before = _overlap(atoms, start, overlap)
        end = _fill(atoms, start, before, room)
        cut = _cut(text, header, atoms, before, start, end)
        # Counts of parts need not add up to the count of the whole: cut until the whole fits.
        while count_tokens([embedded_text(header, text[cut.first : cut.end])])[0] > size:
            if before < start:
                before += 1
            elif end > start + 1:
                end -= 1
            else:
                break
            cut = _cut(text, header, atoms, before, start, end)
        yield cut
        start = end


def _in_rows(
    block: Block, outline: Outline | None, count_tokens: CountTokens, size: int, additive: bool
) -> Iterator[_Cut]:
    lines = block.text.split("\n")
    outline = outline or Outline(Span(0, len(lines), opens=True))
    rows = _RowCosts(block, lines, outline, count_tokens, size)
    yield from rows.cuts(split(outline.root, lines, rows.tokens, rows.cost, size), additive)


class _RowCosts:
    """What rows of one source text cost as a chunk, with the header that they would get."""

    def __init__(
        self, block: Block, lines: Sequence[str], outline: Outline, count_tokens: CountTokens, size: int
    ) -> None:
        self._block = block
        self._lines = lines
        self._outline = outline
        self._count = count_tokens
        self._size = size
        distinct = list(dict.fromkeys(lines))
        tokens = dict(zip(distinct, count_tokens(distinct), strict=True))
        self._sums = [0, *accumulate(tokens[line] for line in lines)]
        self._starts = [0, *accumulate(len(line) + 1 for line in lines)]
        self._leads = list(accumulate((item.lead for item in outline.definitions), max))
        self._headers: dict[tuple[int, bool], tuple[str, int]] = {}

    def tokens(self, first: int, end: int) -> int:
        """Tokens of these rows."""
        return self._sums[end] - self._sums[first]

    def cost(self, first: int, end: int) -> int:
        """Tokens of these rows and their header."""
        tokens = self.tokens(first, end)
        return tokens if tokens > self._size else tokens + self._headed(first, end)[1]

    def cuts(self, ranges: Sequence[Rows], additive: bool) -> Iterator[_Cut]:
        """The rows as pieces. Where tokens of lines need not add up, they are counted again: what turns out
        too large is cut in half, and a row that is too large by itself is cut within."""
        made = [self._cut(first, end) for first, end in ranges]
        if additive:
            counts = [self.cost(first, end) for first, end in ranges]
        else:
            counts = self._count(
                [embedded_text(cut.header, self._block.text[cut.own : cut.end]) for cut in made]
            )
        for (first, end), cut, tokens in zip(ranges, made, counts, strict=True):
            middle = (first + end) // 2
            if tokens <= self._size:
                yield cut
            elif end - first > 1:
                yield from self.cuts([(first, middle), (middle, end)], additive)
            else:
                yield from self._within(first, cut.header)

    def _cut(self, first: int, end: int) -> _Cut:
        header = self._headed(first, end)[0]
        first, end = self._full(first, end)
        last = (
            self._starts[end - 1] + len(self._lines[end - 1].rstrip()) if first < end else self._starts[end]
        )
        return _Cut(header, self._starts[first], self._starts[first], last)

    def _within(self, row: int, header: str) -> Iterator[_Cut]:
        text, offset = self._lines[row], self._starts[row]
        room = self._size - (self._count([header])[0] if header else 0)
        atoms = _atoms(text, (), self._count, room)
        for cut in _packed(text, header, atoms, self._count, self._size, room, overlap=0):
            yield _Cut(header, offset + cut.first, offset + cut.own, offset + cut.end)

    def _headed(self, first: int, end: int) -> tuple[str, int]:
        """The header of these rows and its tokens: the path of the innermost definition around them and,
        where it does not stand in them, the first line of its description."""
        first, end = self._full(first, end)
        definitions = self._outline.definitions
        place = bisect_right(self._leads, first) - 1
        while place >= 0 and not (definitions[place].lead <= first and end <= definitions[place].last + 1):
            place = self._outline.parents[place]
        described = (
            place >= 0 and not first <= definitions[place].doc_row < end and definitions[place].doc != ""
        )
        key = (place, described)
        if key not in self._headers:
            path = definitions[place].path if place >= 0 else ""
            header = " › ".join(filter(None, (self._block.header, path)))
            doc = definitions[place].doc if described else ""
            self._headers[key] = _header(header, self._count, self._size, doc)
        return self._headers[key]

    def _full(self, first: int, end: int) -> Rows:
        """The same without blank rows at either end."""
        while first < end and not self._lines[first].strip():
            first += 1
        while first < end and not self._lines[end - 1].strip():
            end -= 1
        return first, end


def _header(header: str, count_tokens: CountTokens, size: int, doc: str = "") -> tuple[str, int]:
    """The end of a heading path that costs at most a quarter of a chunk (the nearest heading says most),
    with `doc` after it when that fits too, and its cost."""
    parts = header.split(" › ") if header else []
    while parts:
        text = " › ".join(parts)
        described = f"{text}: {doc}" if doc else text
        for candidate in dict.fromkeys((described, text)):
            cost = count_tokens([candidate])[0]
            if cost <= size // 4:
                return candidate, cost
        parts = parts[1:]
    return "", 0


def _atoms(text: str, cuts: Iterable[tuple[int, int]], count_tokens: CountTokens, room: int) -> list[_Atom]:
    """Atoms that cover a text without gaps, blank ones joined to the atom before. Tables stay whole where
    they fit."""
    tables = [found.span() for found in _TABLE.finditer(text)]
    whole: list[tuple[int, int]] = [(start, _LINE) for start, _ in tables if start]
    within: list[tuple[int, int]] = []
    for offset, level in cuts:
        table = bisect_right(tables, offset, key=lambda span: span[0]) - 1
        inside = table >= 0 and offset < tables[table][1]
        (within if inside else whole).append((offset, level))
    atoms: list[_Atom] = []
    for start, end, level, tokens in _counted(text, _spans(text, sorted(whole)), count_tokens):
        if tokens <= room:
            atoms.append(_Atom(start, end, level, tokens))
            continue
        inner = [(offset - start, rank) for offset, rank in within if start < offset < end]
        spans = [(start + a, start + b, rank) for a, b, rank in _spans(text[start:end], inner)]
        for a, b, rank, cost in _counted(text, spans, count_tokens):
            atom = _Atom(a, b, level if a == start else rank, cost)
            if cost <= room:
                atoms.append(atom)
            else:
                atoms += _in_words(text, atom, count_tokens, room)
    return atoms


def _counted(
    text: str, spans: Sequence[tuple[int, int, int]], count_tokens: CountTokens
) -> Iterator[tuple[int, int, int, int]]:
    """(start, end, level, tokens) of each span."""
    counts = count_tokens([text[start:end] for start, end, _ in spans])
    for span, tokens in zip(spans, counts, strict=True):
        yield *span, tokens


def _in_words(text: str, atom: _Atom, count_tokens: CountTokens, room: int) -> Iterator[_Atom]:
    spans = [(a, b, atom.level if a == atom.start else _WORD) for a, b in _words(text, atom.start, atom.end)]
    for a, b, level, cost in _counted(text, spans, count_tokens):
        yield from _halved(text, _Atom(a, b, level, cost), count_tokens, room)


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


def _cut(text: str, header: str, atoms: Sequence[_Atom], before: int, start: int, end: int) -> _Cut:
    """The piece of atoms `before` to `end` that owns those from `start` on, without blanks around it."""
    stop = atoms[end - 1].end
    own = _skip_blank(text, atoms[start].start, stop)
    first = _skip_blank(text, atoms[before].start, own) if before < start else own
    return _Cut(header, first, own, max(own, first + len(text[first:stop].rstrip())))


def _piece(block: Block, cut: _Cut, gap: str, lines: Sequence[int]) -> Piece:
    """`lines` holds the offset of each line of the block but the first."""
    pages = spanned = None
    if block.page is not None:
        turn = len(block.text) + 1 if block.turn is None else block.turn
        pages = (block.page + (cut.first >= turn), block.page + (cut.end > turn))
    if block.line is not None:
        spanned = (block.line + bisect_right(lines, cut.first), block.line + bisect_right(lines, cut.end - 1))
    return Piece(
        header=cut.header,
        text=block.text[cut.first : cut.end],
        overlap=cut.own - cut.first,
        gap=gap,
        pages=pages,
        lines=spanned,
    )


def _skip_blank(text: str, start: int, stop: int) -> int:
    """Where text begins."""
    while start < stop and text[start].isspace():
        start += 1
    return start
