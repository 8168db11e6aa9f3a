"""The chunker: nothing is lost, nothing is double, nothing is too long, and places are exact."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petra.knowledge.blocks import Block, Piece, embedded_text
from petra.knowledge.chunking import chunk


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
        kind=st.sampled_from(["prose", "source"]),
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
