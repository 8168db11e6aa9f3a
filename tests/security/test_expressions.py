"""No text makes a regular expression work for longer than the text is long: what people index and ask comes
from anywhere, and one line of it must not hold the server."""

from __future__ import annotations

import re

import pytest

from petra.knowledge import gitignore
from tests.security.expressions import Expression, expressions, patterns
from tests.security.hostile import texts
from tests.security.work import SHARE, SIZE, grows_too_fast

FOUND = expressions()
LONGEST_TEXT = {
    "petra.inference.worker.llamacpp.json_rules._QUOTED": 120,  # only our own rules
    "petra.knowledge.extract.xlsx._QUOTED": 255,  # xlsx._LONGEST_FORMAT
}
"""Characters of the longest text that reaches an expression, where that is what keeps it quick."""

BAD = {
    "one that never ends": Expression("", re.compile(r"(?:a+)+b"), False),
    "one with two ways to share out blanks": Expression("", re.compile(r"a\s*b?\s*c"), False),
    "one that looks at the same word from each of its letters": Expression("", re.compile(r"\w+$"), True),
    "one that looks for an end from each beginning": Expression("", re.compile(r"\[[^\]]*\]"), True),
}


@pytest.mark.parametrize("expression", FOUND, ids=lambda expression: expression.where)
def test_work_grows_with_the_text_and_not_with_its_square(expression: Expression) -> None:
    assert _too_much(expression) is None


@pytest.mark.parametrize("what", BAD)
def test_a_bad_expression_is_seen(what: str) -> None:
    assert _too_much(BAD[what]) is not None


def test_expressions_are_found_wherever_they_are_kept() -> None:
    found = {expression.where.rpartition(".")[2] for expression in FOUND}
    assert {"_PRIVATE_KEY", "_TOKENS[0]", "_PATTERNS[0]", "_MENTION"} <= found
    assert any(", line " in where for where in found)
    assert {expression.searched for expression in FOUND} == {True, False}


@pytest.mark.parametrize(
    "line",
    [
        "*a" * 60 + "b",
        "*(" * 60 + "b",
        "*?" * 60 + "b",
        "*[ab]" * 60 + "c",
        "/*" * 60 + "/b",
        "**/a/" * 60 + "b",
        "a/**/" * 60 + "*b",
        "**/a*a/" * 60 + "*a*b",
    ],
)
def test_a_line_of_a_repositorys_rules_keeps_nobody_busy(line: str) -> None:
    rules = gitignore.rules(line)

    for pattern in patterns(rules):
        for piece in ("a", "(", "a/", "aa/", "ab/", "b", "(/"):
            long, short = piece * (SIZE // len(piece)), piece * (SIZE // SHARE // len(piece))
            assert not grows_too_fast(pattern, long, short, searched=False), piece


def _too_much(expression: Expression) -> str | None:
    """The beginning of a text that takes too long, if one does."""
    size = LONGEST_TEXT.get(expression.where, SIZE)
    for text, shorter in zip(
        texts(expression.pattern, size), texts(expression.pattern, size // SHARE), strict=True
    ):
        if grows_too_fast(expression.pattern, text, shorter, expression.searched):
            return text[:80]
    return None
