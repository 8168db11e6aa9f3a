"""What the labelled answers of `benchmarks/attribution` say, with words alone (no model needed)."""

import re
from pathlib import Path

import pypdfium2
import pytest

from benchmarks.attribution import labels
from petra.assistant.attribution import attribute
from petra.assistant.sentences import markers
from tests.course_pdf import make

COURSE = Path(__file__).parents[1] / "course"


@pytest.fixture(scope="module")
def questions():
    return labels.load()


def pages(pdf):
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


def plain(text):
    return re.sub(r"\s+", " ", text).strip()


def test_petra_beats_the_top_passage_and_the_models_own_markers(questions):
    test = [question for question in questions if question.split == "test"]
    petra = labels.figures(
        test,
        {
            question.id: [
                judgement.n
                for judgement in attribute(question.answer, question.passages, question=question.question)
                if judgement.kind != "retrieved"
            ]
            for question in test
        },
    )
    top = labels.figures(test, {question.id: [1] for question in test})
    named = labels.figures(test, {question.id: markers(question.answer, 5) for question in test})
    assert petra.precision > 0.7
    assert petra.recall > 0.6
    assert top.precision < 0.4
    assert petra.f1 > top.f1 + 0.3
    assert petra.f1 > named.f1 + 0.2


def test_in_the_order_of_the_search_the_top_passage_is_still_visibly_worse(questions):
    ordered = [question for question in questions if question.order == "retrieved"]
    top = labels.figures(ordered, {question.id: [1] for question in ordered})
    assert top.precision < 0.5


def test_labels_fit_their_answers(questions):
    assert len(questions) >= 72
    assert sum(not question.support for question in questions) >= 20
    ranks = [n for question in questions for n in question.support]
    assert max(ranks.count(n) for n in range(1, 6)) < len(ranks) / 2
    for question in questions:
        assert len(question.passages) == 5
        for sentence in question.sentences:
            assert sentence.text in question.answer
            assert sentence.support <= {1, 2, 3, 4, 5}


def test_the_passages_stand_in_the_course(questions):
    lecture = pages(COURSE / "lecture-06-networks.pdf")
    for passage in {passage for question in questions for passage in question.passages}:
        if passage.pages:
            source = " ".join(lecture[passage.pages[0] - 1 : passage.pages[1]])
        else:
            first, last = passage.lines
            lines = (COURSE / passage.document).read_text(encoding="utf-8").splitlines()
            source = "\n".join(lines[first - 1 : last])
        assert plain(passage.text) in plain(source), passage.id


def test_the_lecture_is_made_from_its_source():
    made = pages(make.make(make.SOURCE.read_text(encoding="utf-8")))
    assert len(made) >= 20
    assert made == pages(make.TARGET)
