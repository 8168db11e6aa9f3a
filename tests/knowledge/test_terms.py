"""The terms of texts and queries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.knowledge import terms


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("getHTTPResponse", "get http respons gethttprespons"),
        ("snake_case_name", "snake case name snakecasenam"),
        ("__init__", "init"),
        ("utf8", "utf 8 utf8"),
        ("os.path.join", "os path join os.path.join"),
        ("URLs mRNA", "url rna mrna"),
        ("Running the locks", "run the lock"),
        ("3.14 e.g.", "3 14 e g e.g"),
        ("ＦＵＬＬ width", "full width"),
        ("Straße", "strass"),
        ("機械学習", "機械 械学 学習"),
        ("C言語", "c 言語"),
        ("데이터베이스", "데이 이터 터베 베이 이스"),
        ("ไทย", "ไท ทย"),
        ("हिन्दी में", "हिन्दी में"),
        ("программирования", "программирован"),
        ("x" * 65, ""),
        ("_ __ a", "a"),
        ("", ""),
    ],
)
def test_a_text_gives_its_terms(text: str, found: str) -> None:
    assert terms.indexed(text) == found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("refresh all", "def refresh_all(self):"),
        ("refreshAll", "def refresh_all(self):"),
        ("RefreshAll", "refreshall = 1"),
        ("token store", "class TokenStore:"),
        ("scheduled threads", "the scheduling of a thread"),
        ("学习方法", "机器学习的方法"),
        ("os.path.join", "os.path.join(a, b)"),
    ],
)
def test_what_belongs_together_is_found_together(query: str, text: str) -> None:
    assert set(terms.asked(query)) & set(terms.terms(text))


def test_stop_words_are_asked_for_only_when_there_is_nothing_else() -> None:
    assert terms.asked("what does the scheduler do") == ["schedul"]
    assert terms.asked("to be or not to be") == ["not"]
    assert terms.asked("who is it") == ["who", "is", "it"]
    assert len(terms.asked(" ".join(f"word{n}" for n in range(200)))) == terms.MOST_ASKED


@given(st.text())
def test_any_text_gives_terms_without_blanks_and_asks_for_what_it_indexes(text: str) -> None:
    indexed = terms.terms(text)
    assert " ".join(indexed) == terms.indexed(text)
    assert set(terms.asked(text)) <= set(indexed)
    assert all(len(term) <= 2 * terms.LONGEST for term in indexed)
