"""Edits of a text, against a model that knows no lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.lsp.text import Encoding, Text

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
TEXTS = st.text(alphabet="ab\r\né😀\u2028\v", max_size=30)
PLACES = st.tuples(st.integers(-1, 12), st.integers(-1, 14))
EDITS = st.lists(st.tuples(PLACES, PLACES, TEXTS), max_size=8)


def width(char: str, encoding: Encoding) -> int:
    sizes = {"utf-8": len(char.encode()), "utf-16": len(char.encode("utf-16-le")) // 2, "utf-32": 1}
    return sizes[encoding]


def model_offset(text: str, place: tuple[int, int], encoding: Encoding) -> int:
    """Where a place is, by counting through the whole text."""
    line, column = place
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    if line < 0:
        return 0
    if line >= len(starts):
        return len(text)
    offset = starts[line]
    while offset < len(text) and text[offset] not in "\r\n" and column >= width(text[offset], encoding):
        column -= width(text[offset], encoding)
        offset += 1
    return offset


@given(TEXTS, EDITS, st.sampled_from(ENCODINGS))
def test_edits_are_those_of_the_model(
    first: str, edits: list[tuple[tuple[int, int], tuple[int, int], str]], encoding: Encoding
) -> None:
    text, model = Text(first, encoding), first
    for start, end, new in edits:
        low, high = sorted((model_offset(model, start, encoding), model_offset(model, end, encoding)))
        assert text.between(start, end) == model[low:high]
        text.replace(start, end, new)
        model = model[:low] + new + model[high:]
        assert str(text) == model
        assert text.length == len(model)
        assert text.lines == 1 + len(re.findall(r"\r\n|\r|\n", model))


@given(TEXTS, st.integers(0, 30), st.sampled_from(ENCODINGS))
def test_a_place_leads_back_to_its_offset(content: str, offset: int, encoding: Encoding) -> None:
    text = Text(content, encoding)
    line, column = text.place(offset)
    found = text.offset((line, column))
    # Between the carriage return and the line feed of one line end there is no place.
    inside = content[max(offset - 1, 0) : offset + 1] == "\r\n"
    assert found == min(offset, len(content)) - inside


@pytest.mark.parametrize("half", ["\ud83d", "\ude00"])
def test_half_a_character_is_replaced_and_keeps_its_width(half: str) -> None:
    text = Text(f"a{half}b")
    assert str(text) == "a\ufffdb"
    text.replace((0, 2), (0, 3), f"{half}c")
    assert str(text) == "a\ufffd\ufffdc"


def test_a_line_has_no_end() -> None:
    text = Text("one\r\ntwo\rthree\n")
    assert [text.line(number) for number in range(text.lines)] == ["one", "two", "three", ""]


def test_a_large_text_is_edited_in_its_middle() -> None:
    text = Text("line of text\n" * 50_000)
    text.replace((25_000, 5), (25_000, 7), "in")
    assert text.line(25_000) == "line in text"
    assert text.length == len(str(text)) == 13 * 50_000
