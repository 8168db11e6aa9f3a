from __future__ import annotations

from petra.cli.skipped import lines
from petra.knowledge.skipped import summary


def test_many_are_counted_and_few_are_named() -> None:
    left_out = [(f"picture{number}.png", "not text") for number in range(1200)]
    left_out += [(".env", "may hold secrets"), ("b.csv", "too large"), ("a.csv", "too large")]
    left_out += [("node_modules/", "dependencies or caches")]
    assert lines(summary(left_out)) == [
        "Skipped 1,203 files: 1,200 not text, 2 too large (a.csv, b.csv), 1 may hold secrets (.env)",
        "Skipped 1 folder: 1 dependencies or caches (node_modules/)",
    ]


def test_nothing_skipped_is_not_worth_a_line() -> None:
    assert lines(summary([])) == []
