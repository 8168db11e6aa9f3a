"""Code is left out of what streams, wherever the pieces end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from petra.assistant.withhold import LEFT_OUT, Withheld


def shown(pieces: list[str]) -> str:
    withheld = Withheld()
    return "".join(withheld.feed(piece) for piece in pieces) + withheld.end()


def test_a_fenced_block_becomes_one_line_that_says_so() -> None:
    text = "Use a loop:\n\n```c\nfor (;;) { }\n```\nand stop."
    assert shown([text]) == f"Use a loop:\n\n{LEFT_OUT}and stop."


def test_a_block_that_never_ends_shows_nothing_of_it() -> None:
    assert shown(["Look:\n  ~~~\nsecret();"]) == f"Look:\n{LEFT_OUT}"


def test_text_is_shown_as_it_comes() -> None:
    withheld = Withheld()
    assert withheld.feed("Think ") == "Think "
    assert withheld.feed("of `x`") == "of `x`"
    assert withheld.feed("\n``") == "\n"
    assert withheld.feed("y``") == "``y``"


def test_a_block_in_a_list_or_a_quote_is_one_too() -> None:
    for begin, end in (("- ```py", "  ```"), ("> ```c", "> ```"), ("1. ~~~", "   ~~~"), ("> * ```", "> ```")):
        assert shown([f"So:\n{begin}\nsecret\n{end}\nand stop."]) == f"So:\n{LEFT_OUT}and stop."
    assert shown(["- one\n12", ") two\n-3"]) == "- one\n12) two\n-3"


LINES = st.lists(
    st.sampled_from(
        ["- ```", "> ```", "- x", "1", "12. y", "text", "``` c", "```", "~~~", "", "  ``x``", "`", "x ``` y"]
    ),
    max_size=12,
)


@given(LINES, st.data())
def test_the_pieces_do_not_matter(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert shown(pieces) == shown([text])
