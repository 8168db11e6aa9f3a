from __future__ import annotations

from petra.cli.show import clean, place, shortened


def test_nothing_can_command_the_terminal() -> None:
    assert "\x1b" not in clean("\x1b]0;owned\x07 \x1b[2J")
    assert clean("Zeile eins\n\tzwei: äöü 漢字 😀") == "Zeile eins\n\tzwei: äöü 漢字 😀"


def test_what_is_no_command_stays_as_it_is() -> None:
    for text in ("10\u00a0% of 1\u202f000", "漢字\u3000かな", "می\u200cخواهم", "👩\u200d🚀", "Do\u00adnau"):
        assert clean(text) == text
    assert clean("txt.\u202egpj \u2066a\u2069 \ufeff\U000e0041") == "txt.\ufffdgpj \ufffda\ufffd \ufffd\ufffd"


def test_places_read_like_a_citation() -> None:
    assert place({"pages": [3, 3]}) == ", page 3"
    assert place({"lines": [10, 20]}) == ", lines 10–20"
    assert place({"pages": None}) == ""


def test_a_quote_is_cut_to_one_line() -> None:
    assert shortened("a\n  b") == "a b"
    assert len(shortened("word " * 100)) <= 100
