from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from petra.assistant.attribution import MAX_TEXTS, THRESHOLD, attribute, texts_to_embed
from petra.assistant.sentences import markers, sentences, spans


@dataclass(frozen=True)
class Passage:
    text: str
    header: str | None = None


PIPES = Passage(
    "A pipe connects two processes; on Linux its buffer holds 64 KiB by default. Writes of up to 4,096\n"
    "bytes to a pipe are atomic on Linux.",
    "Lecture 1 > Pipes",
)
LATE = Passage(
    "Every student has four late days for the whole term. Late days cannot be used for lab exercises. "
    "Once they are used up, each started day costs 10 % of the points.",
    "Syllabus > Late policy",
)
POINTS = Passage(
    "1. Run external commands (8 points).\n2. Pipelines of up to five commands (8 points).\n"
    "3. Redirection (5 points).",
    "Assignment 1 > Requirements",
)
PASSAGES = (PIPES, LATE, POINTS)


def kinds(answer, passages=PASSAGES, **given):
    return [judgement.kind for judgement in attribute(answer, passages, **given)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("On Linux the buffer of a pipe holds 64 KiB [1].", ["cited", "retrieved", "retrieved"]),
        ("On Linux the buffer of a pipe holds 64 KiB.", ["supported", "retrieved", "retrieved"]),
        ("On Linux the buffer of a pipe holds 64 KiB [2].", ["supported", "retrieved", "retrieved"]),
        (
            "Writes of up to 4096 bytes are atomic [1]. Every student has 4 late days [3].",
            ["cited", "supported", "retrieved"],
        ),
        ("Pipes were invented by Douglas McIlroy [1].", ["retrieved"] * 3),
    ],
)
def test_a_source_is_cited_only_if_the_check_agrees_with_the_model(answer, expected):
    assert kinds(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        "On Linux the buffer of a pipe holds 8 KiB [1].",  # no 8 in the passage
        "Pipelines of up to five commands give 5 points [3].",  # a 5 elsewhere, in this place an 8
        "Late days can be used for lab exercises [2].",  # the passage denies it
    ],
)
def test_numbers_and_denials_have_to_agree(answer):
    assert kinds(answer) == ["retrieved"] * 3


def test_two_passages_that_say_the_same_are_sources_both():
    said = "A process gets a time slice of 20 ms"
    notes = (Passage(f"{said} in round robin."), Passage(f"In round robin: {said.lower()}, then the next."))
    assert kinds("The time slice in round robin is 20 ms.", (*notes, LATE)) == [
        "supported",
        "supported",
        "retrieved",
    ]


def test_numbers_are_compared_by_value():
    assert (
        kinds("Writes of up to four thousand, that is 4096 bytes to a pipe, are atomic on Linux.")[0]
        != "cited"
    )
    assert kinds("Every student has 4 late days for the whole term.")[1] == "supported"
    assert kinds("Each started day costs 10% of the points.")[1] == "supported"


@pytest.mark.parametrize(
    "answer",
    [
        "The passages do not say how many late days a student has for the whole term.",
        "I don't know whether a pipe connects two processes on Linux.",
        "Sorry, there is no information about late days for lab exercises in the text.",
        "How many late days does every student have for the whole term?",
    ],
)
def test_saying_that_nothing_was_found_is_no_claim(answer):
    assert kinds(answer) == ["retrieved"] * 3


def test_a_fragment_is_understood_with_its_question():
    about_late_days = attribute("Four.", PASSAGES, question="How many late days has every student?")
    about_something_else = attribute("Four.", PASSAGES, question="How many wheels has a lorry?")
    assert about_late_days[1].kind == "supported"
    assert about_something_else[1].score < about_late_days[1].score


def test_items_of_a_list_are_understood_with_the_line_above_them():
    answer = "Assignment 1 has these requirements:\n- Redirection [3]\n- Run external commands\n- Play music"
    assert kinds(answer) == ["retrieved", "retrieved", "cited"]


def test_lines_of_code_are_found_and_an_index_is_no_marker():
    code = Passage("def first(items):\n    # Callers check for emptiness.\n    return items[1]\n", "list.py")
    answer = "It is:\n```python\ndef first(items):\n    return items[1]\n```\n"
    judgement = attribute(answer, [code], question="What does first return?")[0]
    assert judgement.kind == "supported"
    assert judgement.quote in code.text


def test_a_quotation_is_an_exact_part_of_its_passage():
    judgement = attribute("Writes of up to 4,096 bytes to a pipe are atomic on Linux.", [PIPES])[0]
    assert judgement.quote == "Writes of up to 4,096\nbytes to a pipe are atomic on Linux."


@given(
    st.text(max_size=200),
    st.lists(st.builds(Passage, st.text(max_size=300), st.none() | st.text(max_size=20)), max_size=4),
)
def test_any_text_gets_a_judgement_for_each_passage(answer, passages):
    judgements = attribute(answer, passages, question=answer)
    assert [judgement.n for judgement in judgements] == list(range(1, len(passages) + 1))
    for judgement, passage in zip(judgements, passages, strict=True):
        assert judgement.quote in passage.text
        assert 0 <= judgement.score <= 1
        assert (judgement.kind == "retrieved") or judgement.score >= THRESHOLD


@given(st.text(max_size=300))
def test_the_sentences_of_a_text_are_in_order_and_hold_all_its_words(text):
    found = spans(text)
    assert all(start < end for start, end in found)
    assert all(found[i][1] <= found[i + 1][0] for i in range(len(found) - 1))
    held = "".join(text[start:end] for start, end in found)
    assert set("".join(text.split())) - set("`~") <= set(held)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x [1]", {1}),
        ("x [1][3].", {1, 3}),
        ("x [1, 2]", {1, 2}),
        ("x [1-3]", {1, 2, 3}),
        ("x 【2】", {2}),
        ("x [Passage 2]", {2}),
        ("x [0] [7] [2026]", set()),
        ("x (1)", set()),
    ],
)
def test_markers(text, expected):
    assert markers(text, 3) == expected


def test_a_marker_after_the_full_stop_belongs_to_the_sentence_before_it():
    found = sentences("The limit is 6.5 KiB, e.g. on Linux. [2] It can be raised [1].", 3)
    assert [(sentence.text, set(sentence.cited)) for sentence in found] == [
        ("The limit is 6.5 KiB, e.g. on Linux.", {2}),
        ("It can be raised.", {1}),
    ]


def test_vectors_let_a_paraphrase_be_recognised():
    answer = "After that a tenth is lost for every day that begins."
    source = "Once they are used up, each started day costs 10 % of the points."
    texts = texts_to_embed(answer, PASSAGES)
    assert {answer, source} <= set(texts)
    # Two directions stand for two meanings.
    vectors = {text: np.eye(2)[0 if text in (answer, source) else 1] for text in texts}
    assert attribute(answer, PASSAGES, vectors=vectors)[1].score > attribute(answer, PASSAGES)[1].score
    assert attribute(answer, PASSAGES, vectors=vectors)[1].quote == source


def test_the_texts_to_embed_are_bounded_and_those_nearest_to_the_answer():
    long = Passage(" ".join(f"Fact {n} is about nothing." for n in range(400)) + " Late days are kept.")
    texts = texts_to_embed("Late days are kept for a year.", [long, LATE])
    assert len(texts) == MAX_TEXTS
    assert "Late days are kept." in texts
    assert texts_to_embed("", [LATE]) == []
