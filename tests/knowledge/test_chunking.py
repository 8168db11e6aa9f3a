"""The chunker: nothing is lost, nothing is double, nothing is too long, and places are exact."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petra.knowledge.blocks import Block, Piece, embedded_text
from petra.knowledge.chunking import chunk
from petra.knowledge.syntax import languages
from petra.knowledge.syntax.outline import outline

ROOT = Path(__file__).parents[2]


def words(texts: list[str]) -> list[int]:
    """A tokenizer of words, punctuation and at most ten characters of a word, like WordPiece."""
    return [len(re.findall(r"\w{1,10}|[^\w\s]", text)) for text in texts]


SENTENCES = st.lists(
    st.text(st.sampled_from("abc dEF.,!? \n\t)]。é文🙂-"), min_size=1, max_size=60), min_size=1, max_size=30
).map("".join)
BLOCKS = st.lists(
    st.builds(
        Block,
        text=SENTENCES | st.text(max_size=300),
        header=st.sampled_from(["", "Title", "A › B › C", "long " * 40]),
        kind=st.sampled_from(["prose", "source", "table"]),
        line=st.just(1),
    ),
    max_size=4,
)


def visible(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(blocks=BLOCKS, size=st.integers(8, 60), overlap=st.integers(0, 7))
def test_own_ranges_hold_every_visible_character_once_and_no_piece_is_too_long(
    blocks: list[Block], size: int, overlap: int
) -> None:
    pieces = chunk(blocks, words, size, overlap)
    own = "".join(visible(piece.text[piece.overlap :]) for piece in pieces)
    assert own == "".join(visible(block.text) for block in blocks)
    assert all(words([embedded_text(piece.header, piece.text)])[0] <= size for piece in pieces)
    assert all(piece.text.strip() for piece in pieces)
    whole = "\n".join(block.text for block in blocks)
    again = "".join(piece.gap + piece.text[piece.overlap :] for piece in pieces)
    assert whole.startswith(again) and not whole[len(again) :].strip()


SNIPPETS = {
    language: (ROOT / "tests" / "knowledge" / "definitions" / f"{language}.txt")
    .read_text()
    .split("=====\n")[0]
    for language in languages.LANGUAGES
}


@settings(max_examples=300, deadline=None)
@given(
    language=st.sampled_from(sorted(SNIPPETS)),
    order=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), min_size=1, max_size=12),
    size=st.integers(8, 60),
    additive=st.booleans(),
)
def test_source_of_any_language_is_cut_without_loss_however_broken_it_is(
    language: str, order: list[tuple[int, int]], size: int, additive: bool
) -> None:
    lines = SNIPPETS[language].split("\n")
    text = "\n".join("\n".join(lines[at : at + count]) for at, count in order)
    whole_and_bounded(text, language, size, additive)


REAL = sorted(
    path
    for folder in ("server/petra/knowledge", "web/src", "deploy", "docs", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and languages.of(path.name, "")
)


@pytest.mark.parametrize("size", [20, 230])
def test_real_source_is_cut_without_loss(size: int) -> None:
    assert len(REAL) > 30
    for path in REAL:
        text = path.read_text()
        whole_and_bounded(text, str(languages.of(path.name, text)), size, additive=True)


def whole_and_bounded(text: str, language: str, size: int, additive: bool) -> None:
    """Every visible character is in one piece's own range, where its lines say, and none is too long."""
    block = Block(text=text, kind="source", line=1, language=language)
    pieces = chunk(
        [block], words, 9, 3, outlines=[outline(text, language)], source_size=size, additive=additive
    )
    again = "".join(piece.gap + piece.text for piece in pieces)
    assert text.startswith(again) and not text[len(again) :].strip()
    assert not "".join(piece.gap for piece in pieces).strip()
    lines = text.split("\n")
    for piece in pieces:
        assert piece.overlap == 0 and piece.lines
        assert words([embedded_text(piece.header, piece.text)])[0] <= size
        assert piece.text in "\n".join(lines[piece.lines[0] - 1 : piece.lines[1]])


BUCKET = '''import time


class Bucket:
    """Tokens that refill.

    A request takes one; without one it waits.
    """

    def __init__(self, rate):
        self.rate = rate
        self.tokens = 0.0

    # Called before each request.
    def refill(self, now):
        """Adds what the rate allows."""
        passed = now - self.last
        self.tokens = min(self.most, self.tokens + passed * self.rate)
        if self.tokens < 1:
            self.waiting.append(now)
        elif self.waiting:
            self.waiting.popleft()
        self.last = now


def main():
    Bucket(rate=3).refill(time.time())
'''


def test_functions_stay_whole_and_what_is_cut_says_where_it_stood() -> None:
    pieces = chunk(
        [Block(text=BUCKET, kind="source", line=1)], words, 60, 0, outlines=[outline(BUCKET, "python")]
    )
    assert [(piece.header, piece.lines) for piece in pieces] == [
        ("", (1, 1)),
        ("Bucket", (4, 12)),
        ("Bucket › refill", (14, 18)),
        ("Bucket › refill: Adds what the rate allows.", (19, 23)),
        ("main", (26, 27)),
    ]


def test_a_table_is_one_piece_where_it_fits_and_is_cut_between_rows_where_not() -> None:
    rows = "\n".join(f"| row {number} | value {number} |" for number in range(4))
    text = f"Some words before the table stand here.\n\n{rows}\n\nAnd some words after it."
    assert any(rows in piece.text for piece in chunk([Block(text=text)], words, 36, 0))
    small = [piece.text for piece in chunk([Block(text=text)], words, 18, 0)]
    assert [line for piece in small for line in piece.split("\n") if "|" in line] == rows.split("\n")


@settings(max_examples=200, deadline=None)
@given(text=SENTENCES, kind=st.sampled_from(["prose", "source"]), first=st.integers(1, 9))
def test_lines_are_where_the_text_stands(text: str, kind: str, first: int) -> None:
    lines = text.split("\n")
    for piece in chunk([Block(text=text, kind=kind, line=first)], words, 12, 4):  # type: ignore[arg-type]
        assert piece.lines
        top, bottom = piece.lines
        assert piece.text in "\n".join(lines[top - first : bottom - first + 1])


def test_a_piece_ends_at_a_paragraph_rather_than_in_the_middle_of_one() -> None:
    text = "One two three four. Five six seven.\n\nEight nine ten eleven. Twelve thirteen fourteen."
    assert [piece.text for piece in chunk([Block(text=text)], words, 14, 0)] == text.split("\n\n")


def test_overlap_repeats_the_last_sentence_and_is_counted_beside() -> None:
    text = "One two three four. Five six seven. Eight nine ten. Eleven twelve."
    first, second = chunk([Block(text=text)], words, 12, 5)
    assert second.text[: second.overlap].strip() == "Five six seven."
    assert first.text.endswith("Five six seven.")


def test_source_code_is_cut_before_a_definition() -> None:
    functions = [f"def f{n}(x):\n    y = x + {n}\n\n    return y" for n in range(4)]
    text = "\n\n\n".join(functions)
    pieces = chunk([Block(text=text, kind="source", line=1)], words, 34, 0)
    assert [piece.text.split("(")[0] for piece in pieces] == ["def f0", "def f2"]
    assert pieces[1].lines == (13, 22)


def test_pages_of_a_sentence_that_runs_over_a_border() -> None:
    text = "A short one. This sentence begins here and ends there."
    block = Block(text=text, page=3, turn=text.index("and ends"))
    pages = [(piece.text, piece.pages) for piece in chunk([block], words, 9, 0)]
    assert pages == [("A short one.", (3, 3)), ("This sentence begins here and ends there.", (3, 4))]


@pytest.mark.timeout(10)
def test_a_megabyte_without_a_space_is_cut_in_linear_time() -> None:
    pieces: list[Piece] = chunk([Block(text="x" * 1_000_000, line=1)], words, 200, 32)
    assert sum(len(piece.text) - piece.overlap for piece in pieces) == 1_000_000


def test_blanks_longer_than_a_chunk_are_no_passage() -> None:
    text = "Before." + " " * 200_000 + "\n" * 200_000 + "After."
    pieces = chunk([Block(text=text, line=1)], lambda texts: [len(text) // 4 for text in texts], 50, 8)
    assert [piece.text for piece in pieces] == ["Before.", "After."]
    assert pieces[-1].lines == (200_001, 200_001)
