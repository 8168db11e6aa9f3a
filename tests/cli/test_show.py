from __future__ import annotations

from petra.cli.show import clean, place, shortened


def test_nothing_can_command_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b]0;owned\x07 \x1b[2J")
    assert clean("Zeile eins\n\tzwei: äöü 漢字 😀") == "Zeile eins\n\tzwei: äöü 漢字 😀"


def test_places_read_like_a_citation() -> None:
    assert place({"pages": [3, 3]}) == ", page 3"
    assert place({"lines": [10, 20]}) == ", lines 10–20"
    assert place({"pages": None}) == ""


def test_a_quote_is_cut_to_one_line() -> None:
    assert shortened("a\n  b") == "a b"
    assert len(shortened("word " * 100)) <= 100
