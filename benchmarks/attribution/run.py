"""How often the sources that Petra marks as supported really support the answer.

    make bench-attribution                        tables for the test half
    make bench-attribution ARGS="--split all"     dev and test together (the weights have seen dev)
    make bench-attribution ARGS="--json"          the same figures for a script

Counted are passages: of those called supported or cited, how many support a sentence of the answer
(precision); of those that do, how many were called so (recall).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from petra.assistant import attribution
from petra.assistant.attribution import THRESHOLD, Match, Vectors, matches, score
from petra.assistant.sentences import markers
from petra.errors import ModelFileError

sys.path.insert(0, str(Path(__file__).parent))
import embeddings
import fit
import labels

Predicted = dict[str, set[int]]
STEPS = [round(0.05 * step, 2) for step in range(4, 19)]
RESAMPLES = 2000


class Scored:
    """The best score of each passage of each question under one way of scoring."""

    def __init__(
        self,
        questions: Sequence[labels.Question],
        value: Callable[[Match], float],
        vectors: Vectors | None,
        *,
        with_question: bool = True,
    ) -> None:
        self._best: dict[str, dict[int, float]] = {}
        for question in questions:
            best = self._best.setdefault(question.id, {})
            asked = question.question if with_question else ""
            for match in matches(question.answer, question.passages, vectors=vectors, question=asked):
                best[match.n] = max(best.get(match.n, 0.0), value(match))

    def above(self, threshold: float) -> Predicted:
        """The passages that reach the threshold."""
        return {
            key: {n for n, value in best.items() if value >= threshold} for key, best in self._best.items()
        }

    def best_threshold(self, questions: Sequence[labels.Question]) -> float:
        """The one with the highest F1 on these questions."""
        return max(STEPS, key=lambda step: labels.figures(questions, self.above(step)).f1)


def systems(
    dev: Sequence[labels.Question], questions: Sequence[labels.Question], vectors: Vectors | None
) -> dict[str, Predicted]:
    """What each way to choose sources says about each question. Thresholds of the simple ways are the
    best on dev."""
    everything = [*dev, *(question for question in questions if question not in dev)]
    found: dict[str, Predicted] = {}
    if vectors:
        found["Petra"] = Scored(everything, score, vectors).above(THRESHOLD)
    found["Petra, words only (no embedder)"] = Scored(everything, score, None).above(THRESHOLD)
    if vectors:
        cosine = Scored(everything, lambda match: match.cosine or 0.0, vectors)
        found["embedding alone"] = cosine.above(cosine.best_threshold(dev))
    shared = Scored(everything, lambda match: match.overlap.coverage, None)
    found["shared words alone"] = shared.above(shared.best_threshold(dev))
    found["always the top passage"] = {question.id: {1} for question in everything}
    found["all passages of the prompt"] = {
        question.id: set(range(1, len(question.passages) + 1)) for question in everything
    }
    found["the model's own [n]"] = {
        question.id: set(markers(question.answer, len(question.passages))) for question in everything
    }
    return found


def ablations(
    dev: Sequence[labels.Question], questions: Sequence[labels.Question], vectors: Vectors
) -> dict[str, Predicted]:
    """Petra without one signal at a time, its weights fitted anew on dev."""
    labelled = fit.pairs(dev, vectors)
    found = {}
    for left_out in ("coverage", "run", "pairs", "lead", "missing_names", "conflict", "negation", "cosine"):
        weights = fit.fit(labelled, [name for name in fit.HYBRID if name != left_out])
        weights = {left_out: 0.0, **weights}
        scored = Scored(questions, lambda match, w=weights: score(match, w, w), vectors)
        found[f"without {left_out}"] = scored.above(THRESHOLD)

    def numbers_do_not_matter(match: Match) -> float:
        return score(match._replace(overlap=match.overlap._replace(missing_numbers=0.0)))

    found["without the rule for numbers"] = Scored(questions, numbers_do_not_matter, vectors).above(THRESHOLD)
    bare = Scored(questions, score, vectors, with_question=False)
    found["without the question"] = bare.above(THRESHOLD)
    return found


def interval(questions: Sequence[labels.Question], predicted: Predicted) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of precision and recall, by resampling the questions."""
    draw = np.random.default_rng(230)
    samples = [
        labels.figures([questions[i] for i in draw.integers(0, len(questions), len(questions))], predicted)
        for _ in range(RESAMPLES)
    ]
    ends = {}
    for name in ("precision", "recall"):
        low, high = np.percentile([getattr(sample, name) for sample in samples], [2.5, 97.5])
        ends[name] = (round(float(low), 3), round(float(high), 3))
    return ends


def report(split: str) -> dict[str, Any]:
    """All figures, as JSON values."""
    every = labels.load()
    dev = [question for question in every if question.split == "dev"]
    questions = [question for question in every if split in (question.split, "all")]
    try:
        vectors: Vectors | None = embeddings.load(every)
    except ModelFileError as error:
        print(f"{error} Without it, only the words are compared.", file=sys.stderr)
        vectors = None
    found = systems(dev, questions, vectors)
    petra = found.get("Petra", found["Petra, words only (no embedder)"])
    result: dict[str, Any] = {
        "split": split,
        "questions": len(questions),
        "without_support": sum(not question.support for question in questions),
        "threshold": THRESHOLD,
        "systems": {name: _figures(questions, predicted) for name, predicted in found.items()},
        "petra_interval": interval(questions, petra),
        "kinds": {
            kind: {"questions": len(some), **_figures(some, petra)}
            for kind in sorted({question.kind for question in questions})
            if (some := [question for question in questions if question.kind == kind])
        },
        "cited": _figures(questions, cited(questions, vectors)),
    }
    in_order = [question for question in questions if question.order == "retrieved"]
    result["search_order"] = {
        "questions": len(in_order),
        "Petra": _figures(in_order, petra),
        "always the top passage": _figures(in_order, found["always the top passage"]),
    }
    scored = Scored(questions, score, vectors)
    result["curve"] = {str(step): _figures(questions, scored.above(step)) for step in STEPS}
    if vectors:
        result["ablations"] = {
            name: _figures(questions, predicted)
            for name, predicted in ablations(dev, questions, vectors).items()
        }
    return result


def cited(questions: Sequence[labels.Question], vectors: Vectors | None) -> Predicted:
    """The passages that Petra calls cited."""
    return {
        question.id: {
            judgement.n
            for judgement in attribution.attribute(
                question.answer, question.passages, vectors=vectors, question=question.question
            )
            if judgement.kind == "cited"
        }
        for question in questions
    }


def show(result: Mapping[str, Any]) -> None:
    """Print the figures as tables."""
    print(
        f"{result['questions']} answers ({result['split']}), {result['without_support']} of them without any "
        f"support; threshold {result['threshold']}\n"
    )
    _table("", result["systems"])
    ends = result["petra_interval"]
    print(f"\n95 % intervals of Petra: precision {ends['precision']}, recall {ends['recall']}")
    print(f"Of its `cited`: precision {result['cited']['precision']:.2f}")
    ordered = result["search_order"]
    _table(
        f"\nOnly the {ordered['questions']} with passages in the order of the search",
        {name: ordered[name] for name in ("Petra", "always the top passage")},
    )
    _table("\nPetra by kind of answer", {f"{k} ({v['questions']})": v for k, v in result["kinds"].items()})
    if "ablations" in result:
        _table("\nPetra without one of its signals", result["ablations"])
    _table("\nPetra by threshold", result["curve"])


def _table(title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
    print(f"{title:<36}precision  recall  F1")
    for name, row in rows.items():
        print(f"  {name:<34}  {row['precision']:>6.2f}  {row['recall']:>6.2f}  {row['f1']:.2f}")


def _figures(questions: Sequence[labels.Question], predicted: Predicted) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(labels.figures(questions, predicted)).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test", "all"), default="test")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    outcome = report(arguments.split)
    if arguments.json:
        print(json.dumps(outcome, indent=2))
    else:
        show(outcome)
