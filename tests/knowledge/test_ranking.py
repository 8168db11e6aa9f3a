"""The ranker, one factor at a time. It is pure: rows go in, an order comes out."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from petra.knowledge.ranking import (
    Defined,
    Factors,
    Ranked,
    Row,
    contents,
    copies,
    fusion,
    paths,
    rank,
    understand,
)
from petra.knowledge.ranking.query import Name, Place

NOTHING = Factors(**{field.name: False for field in fields(Factors)})


def row(
    id: int, path: str = "", *, document: str = "", lines: tuple[int, int] | None = None, source: bool = True
) -> Row:
    path = path or f"src/file{id}.py"
    return Row(id, document or path, "c", path, source, not source, None, lines)


def order(
    query: str, rows: list[Row], scores: dict[int, float], *defined: Defined, factors: Factors
) -> list[int]:
    meaning = fusion.standard(scores)
    return [item.row.id for item in rank(understand(query), meaning, meaning, rows, defined, factors)]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("TokenStore", "symbol"),
        ("os.path.join()", "symbol"),
        ("`Foo::bar`", "symbol"),
        ("src/app/main.py", "path"),
        ("main.py:120", "path"),
        ("lecture-3.pdf", "path"),
        ("KeyError: 'name'", "error"),
        ("error[E0308]: mismatched types", "error"),
        ('Traceback (most recent call last):\n  File "a.py", line 3', "error"),
        ("Segmentation fault (core dumped)", "error"),
        ("how are routes registered", "question"),
        ("what is a KeyError", "question"),
        ("机器学习是什么", "question"),
        ("https://example.org/page", "question"),
    ],
)
def test_a_query_has_a_kind(query: str, kind: str) -> None:
    assert understand(query).kind == kind


def test_a_query_names_identifiers_files_and_lines() -> None:
    asked = understand("why does `Session.get` call send_all() in Router of src/core.py:12 and TokenStore?")
    names = dict.fromkeys(asked.names)
    assert {
        Name("get", "Session"),
        Name("send_all"),
        Name("TokenStore"),
        Name("Router", sure=False),
    } <= names.keys()
    assert Place("src/core.py", 12) in asked.places
    assert understand('File "/home/me/app/core.py", line 7, in f').places == (
        Place("/home/me/app/core.py", 7),
    )
    assert understand("How do Routes work").names == (Name("Routes", sure=False),)


@pytest.mark.parametrize(
    "part", ["a.", "A_", "/", "a", "(a", "::a", "error", "._", "`a", "a-", "\n", " \n", "a->", "1:"]
)
def test_a_long_query_is_read_once_not_again_from_each_letter(part: str) -> None:
    assert understand(part * (200_000 // len(part))).text.startswith(part.strip())


def test_both_lists_count_and_neither_alone_is_worth_nothing() -> None:
    ids = [1, 2, 3]
    words = fusion.by_words(ids, [(2, 9.0), (3, 1.0)])
    meaning = fusion.by_meaning(ids, [(1, 0.9), (2, 0.8), (3, 0.1)], [])
    both = fusion.fused(ids, meaning, words, 0.5)
    assert sorted(both, key=lambda id: -both[id]) == [2, 1, 3]
    assert (both[2], both[3]) == (1.0, 0.0)
    assert fusion.fused(ids, meaning, {}, 0.1)[1] == 1.0
    assert fusion.fused(ids, {}, words, 0.9)[2] == 1.0
    assert fusion.fused([], {}, {}, 0.5) == {}


def test_the_two_spaces_of_vectors_are_not_compared() -> None:
    found = fusion.by_meaning([1, 2, 3, 4, 5], [(1, 0.30), (2, 0.10)], [(3, 0.95), (4, 0.75)])
    assert found[1] == pytest.approx(found[3])
    assert found[2] == pytest.approx(found[4])
    assert found[5] == min(found.values())


def test_program_text_is_found_by_meaning_more_than_prose() -> None:
    query, ids = understand("how to check for a list"), [1, 2, 3]
    meaning, words = fusion.standard({1: 3, 2: 1, 3: 0}), fusion.standard({1: 1, 2: 3, 3: 0})
    best = [
        rank(
            query,
            meaning,
            words,
            [row(id, source=source) for id in ids],
            factors=replace(NOTHING, share=True),
        )[0]
        for source in (True, False)
    ]
    assert best[0].row.id == 1
    assert best[0].why["share"] > best[1].why["share"]


def test_what_defines_a_symbol_comes_first_even_when_nothing_else_found_it() -> None:
    rows = [row(1), row(2), row(3)]
    scores = {1: 5.0, 2: 1.0}
    factors = replace(NOTHING, definition=True)
    there = [Defined(3, "TokenStore", "")]
    assert order("TokenStore", rows, scores, *there, factors=factors) == [3, 1, 2]
    assert order("TokenStore", rows, scores, *there, factors=NOTHING)[0] == 1
    two = [Defined(2, "get", "Cache"), Defined(3, "get", "Session")]
    assert order("Session.get", rows, scores, *two, factors=factors)[0] == 3
    cases = [Defined(2, "tokenstore", ""), Defined(3, "TokenStore", "")]
    assert order("TokenStore", rows, scores, *cases, factors=factors)[0] == 3


def test_the_words_of_a_path_count() -> None:
    rows = [row(1, "src/a.py"), row(2, "src/sessions.py")]
    scores = {1: 1.0, 2: 0.9, 3: 0.0}
    rows.append(row(3, "src/b.py"))
    assert order("session handling", rows, scores, factors=replace(NOTHING, names=True))[0] == 2
    assert order("session handling", rows, scores, factors=NOTHING)[0] == 1


def test_a_file_and_line_that_are_named_come_first() -> None:
    rows = [row(1, lines=(1, 9)), row(2, "lib/core.py", lines=(1, 9)), row(3, "lib/core.py", lines=(10, 19))]
    scores = {1: 3.0, 2: 2.0, 3: 1.0}
    asked = 'File "/home/me/lib/core.py", line 12, in run\nValueError: no'
    assert order(asked, rows, scores, factors=replace(NOTHING, places=True)) == [3, 2, 1]
    assert order(asked, rows, scores, factors=NOTHING) == [1, 2, 3]


def test_several_good_passages_speak_for_their_file() -> None:
    rows = [row(1), row(2, document="d"), row(3, document="d"), row(4)]
    scores = {1: 1.0, 2: 0.98, 3: 0.97, 4: 0.0}
    assert order("how", rows, scores, factors=replace(NOTHING, coherence=True))[0] == 2
    assert order("how", rows, scores, factors=NOTHING)[0] == 1


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("src/flask/app.py", set()),
        ("tests/test_app.py", {"test"}),
        ("binding/json_test.go", {"test"}),
        ("src/test/java/GsonTest.java", {"test"}),
        ("lib/a.spec.ts", {"test"}),
        ("src/latest.py", set()),
        ("src/contest/attest.py", set()),
        ("examples/hello/main.go", {"example"}),
        ("api/user_pb2.py", {"generated"}),
        ("static/app.min.js", {"generated"}),
        ("third_party/zlib.c", {"generated"}),
        ("pkg/__init__.py", {"reexport"}),
    ],
)
def test_paths_tell_what_a_file_is(path: str, kinds: set[str]) -> None:
    assert paths.kinds(path) == kinds


def test_tests_come_later_unless_they_are_asked_for() -> None:
    rows = [row(1, "tests/test_lock.py"), row(2), row(3)]
    scores = {1: 1.0, 2: 0.9, 3: 0.0}
    factors = replace(NOTHING, kinds=True)
    assert order("lock a mutex", rows, scores, factors=factors)[0] == 2
    assert order("which tests lock a mutex", rows, scores, factors=factors)[0] == 1
    notes = [replace(item, source=False) for item in rows]
    assert order("lock a mutex", notes, scores, factors=factors)[0] == 1, (
        "an exam in a folder tests/ is no test"
    )


def test_one_file_does_not_fill_the_first_places() -> None:
    rows = [row(id, document="d") for id in (1, 2, 3)] + [row(4), row(5)]
    scores = {1: 1.0, 2: 0.95, 3: 0.9, 4: 0.8, 5: 0.0}
    assert order("how", rows, scores, factors=replace(NOTHING, spread=True))[:2] == [1, 4]
    assert order("how", rows, scores, factors=NOTHING)[:2] == [1, 2]


def test_scores_are_from_0_to_1_and_tell_why() -> None:
    rows = [row(1, "tests/test_store.py"), row(2, "store.py"), row(3)]
    found = rank(
        understand("store"), fusion.standard({1: 3, 2: 2, 3: 1}), {}, rows, [Defined(2, "store", "")]
    )
    assert [item.row.id for item in found] == [2, 1, 3]
    assert found[0].score == 1.0
    assert all(0 <= item.score <= 1 for item in found)
    assert {"meaning", "share", "base", "definition", "its file"} <= found[0].why.keys()
    assert "kind of file ×" in found[1].why
    assert rank(understand("store"), {}, {}, []) == []


def test_equal_passages_keep_one_order() -> None:
    rows = [row(id) for id in (3, 1, 2)]
    assert order("how", rows, {1: 1.0, 2: 1.0, 3: 1.0}, factors=Factors()) == [1, 2, 3]


CONTENTS_PAGE = "\n".join(f"{n}.1 Some heading . . . . . . . . {10 * n}" for n in range(1, 9))
INDEX_PAGE = "\n".join(
    f"{word}, {n}, {n + 9}" for n, word in enumerate(("ace", "deadlock", "fork", "mutex", "pipe", "wait"), 20)
)
RESULTS = "Accuracy of the models\n" + "\n".join(
    f"model {n} scored {value}" for n, value in enumerate((9, 3, 7, 1, 8, 2))
)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        (CONTENTS_PAGE, True),
        (INDEX_PAGE, True),
        (RESULTS, False),
        ("A deadlock needs four conditions.\nAll of them hold at once.", False),
        ("", False),
    ],
)
def test_lists_of_contents_are_known(text: str, points: bool) -> None:
    assert contents.only_points(text) is points


def test_a_list_of_contents_comes_below_what_it_points_to() -> None:
    first, second = Ranked(replace(row(1), pages=(2, 2)), 1.0), Ranked(replace(row(2), pages=(10, 10)), 0.7)
    ranked = [first, second]
    contents.lessen(ranked, {1: CONTENTS_PAGE, 2: "Some heading\nA text."})
    assert [item.row.id for item in ranked] == [2, 1]
    assert first.why == {"contents ×": contents.CONTENTS}


def test_nearly_the_same_is_shown_once() -> None:
    text = " ".join(f"word{n}" for n in range(40))
    texts = [text, f"{text} more", "another text", "another text", text.replace("word1", "other")]
    assert copies.distinct(enumerate(texts)) == [0, 2, 4]
