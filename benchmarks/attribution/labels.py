"""The labelled questions: answers to questions about `tests/course`, sentence by sentence.

`passages.jsonl` holds the passages as a search returned them, `questions.jsonl` the answers. A passage is
labelled as supporting a sentence if somebody who sees that passage alone would agree with all that the
sentence says; of a sentence that joins two facts, a passage that states one of them whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class LabelledPassage:
    """A passage of the course, with the place it is from."""

    id: str
    document: str
    header: str | None
    text: str
    lines: tuple[int, int] | None
    pages: tuple[int, int] | None


@dataclass(frozen=True)
class LabelledSentence:
    """A sentence of an answer as it stands there, and the numbers of the passages that support it."""

    text: str
    support: frozenset[int]


@dataclass(frozen=True)
class Question:
    """A question, the passages of its prompt (the first is number 1), and a labelled answer.

    `split` is dev (weights and threshold are chosen on it) or test (reported). `kind` says what is
    special about the answer, `origin` who wrote it, `order` whether the passages stand in the order of
    the search or shuffled.
    """

    id: str
    split: str
    kind: str
    origin: str
    order: str
    question: str
    passages: tuple[LabelledPassage, ...]
    answer: str
    sentences: tuple[LabelledSentence, ...]

    @property
    def support(self) -> frozenset[int]:
        """The passages that support at least one sentence."""
        return frozenset().union(*(sentence.support for sentence in self.sentences))

    def support_of(self, sentence: str) -> frozenset[int]:
        """The label of a sentence as attribution cuts it out, without markers and line breaks."""
        wanted = _plain(sentence)
        near = [
            label for label in self.sentences if wanted in _plain(label.text) or _plain(label.text) in wanted
        ]
        return min(near, key=lambda label: abs(len(_plain(label.text)) - len(wanted))).support


@dataclass(frozen=True)
class Figures:
    """Precision, recall and F1 over passages: of those predicted, and of those that support."""

    precision: float
    recall: float
    f1: float


def load() -> list[Question]:
    """All questions, in the order of their ids."""
    passages = {}
    for row in _rows("passages.jsonl"):
        lines, pages = (tuple(row[key]) if key in row else None for key in ("lines", "pages"))
        passages[row["id"]] = LabelledPassage(
            row["id"], row["document"], row["header"], row["text"], lines, pages
        )
    return [
        Question(
            **{key: row[key] for key in ("id", "split", "kind", "origin", "order", "question", "answer")},
            passages=tuple(passages[key] for key in row["passages"]),
            sentences=tuple(
                LabelledSentence(label["text"], frozenset(label["support"])) for label in row["sentences"]
            ),
        )
        for row in _rows("questions.jsonl")
    ]


def figures(questions: Sequence[Question], predicted: Mapping[str, Iterable[int]]) -> Figures:
    """How good predictions (passage numbers by question id) are, counted over all passages together.

    Where nothing is predicted the precision is 1.
    """
    right = said = true = 0
    for question in questions:
        numbers = frozenset(predicted[question.id])
        right += len(numbers & question.support)
        said += len(numbers)
        true += len(question.support)
    precision, recall = right / said if said else 1.0, right / true if true else 1.0
    return Figures(precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0)


def _rows(name: str) -> list[dict[str, object]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _plain(text: str) -> str:
    return re.sub(r"[\s.:]+", " ", re.sub(r"\[[\d, ]+\]", "", text)).strip()
