"""What a question is about is quoted whole when it is marked, and as far as it fits when it is a document."""

from __future__ import annotations

import pytest

from petra.assistant.mentions import named_in
from petra.assistant.retrieval import merged
from petra.assistant.subject import Subject, subject_of
from petra.errors import NotAllowed
from petra.knowledge.search import Passage
from petra.messages import AskRequest

TEXT = "\n".join(f"line {n}" for n in range(1, 101))


def test_a_document_that_fits_is_quoted_whole() -> None:
    subject = Subject("int x;\n", "lab.c", None, whole=True)
    assert subject.within(100) is subject
    assert subject.quoted() == "The file lab.c:\nint x;"


@pytest.mark.parametrize(("focus", "lines"), [(1, (1, 13)), (50, (40, 51)), (100, (89, 100))])
def test_a_long_document_is_cut_around_the_place_of_interest(focus: int, lines: tuple[int, int]) -> None:
    cut = Subject(TEXT, "a.c", None, whole=True, focus=focus).within(100)
    assert cut.lines == lines
    assert cut.text.splitlines() == TEXT.splitlines()[lines[0] - 1 : lines[1]]
    assert len(cut.text) <= 100
    assert cut.quoted().startswith(f"The file a.c, lines {lines[0]} to {lines[1]}:")


def test_what_is_marked_is_never_cut() -> None:
    subject = Subject(TEXT, "a.c", (1, 100))
    assert subject.within(10) is subject


def test_one_endless_line_is_cut_too() -> None:
    assert len(Subject("x" * 5000, None, None, whole=True).within(100).text) == 100


def test_a_selection_goes_before_the_document_it_is_from() -> None:
    subject = subject_of(
        AskRequest(question="?", selection="a", document="a b", file_path="x.c", lines=(1, 1))
    )
    assert subject == Subject("a", "x.c", (1, 1))
    assert subject_of(AskRequest(question="?", selection=" \n")) is None


@pytest.mark.parametrize(
    "request_",
    [
        AskRequest(question="?", selection="A=1", file_path="deep/.env"),
        AskRequest(question="?", document="A=1", file_path="server.pem"),
        AskRequest(question="?", selection="token = 'ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2 + "'"),
    ],
)
def test_secrets_are_refused_with_a_way_out(request_: AskRequest) -> None:
    with pytest.raises(NotAllowed) as refused:
        subject_of(request_)
    assert refused.value.cause and refused.value.remedy


def test_names_in_a_question() -> None:
    text = 'Does @lab.c call @Queue.push? Ask a@b.de, see @"my notes.md", @src/x.py. And @lab.c!'
    assert named_in(text) == ["lab.c", "Queue.push", "my notes.md", "src/x.py"]
    assert named_in("a@b @ c") == []
    assert len(named_in(" ".join(f"@n{n}" for n in range(50)))) == 8


def passage(name: str, dense: float | None) -> Passage:
    return Passage(
        chunk_id=1,
        document_id="d",
        collection_id="c",
        document=name,
        path=name,
        header="",
        text="",
        pages=None,
        lines=None,
        score=0.0,
        dense=dense,
        lexical=None,
    )


def test_what_is_typed_takes_its_place_among_what_is_stored() -> None:
    stored = [passage("a", 0.5), passage("b", 0.7), passage("c", 0.2)]
    typed = [passage("x", 0.3), passage("y", 0.6), passage("z", None)]
    assert [item.document for item in merged(stored, typed)] == ["y", "a", "b", "x", "c", "z"]
