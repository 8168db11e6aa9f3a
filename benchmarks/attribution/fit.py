"""Choose weights and threshold of the score on the dev half: `python benchmarks/attribution/fit.py`.

Logistic regression with an L2 penalty over all (sentence, passage) pairs of the dev answers. It prints
the weights to put into `petra/assistant/attribution.py`, and how thresholds do in eight-fold
cross-validation; the threshold is the one with the best F0.5, because a wrong source is worse than a
missing one. The test half is not looked at.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from petra.assistant.attribution import Match, Vectors, matches, score

sys.path.insert(0, str(Path(__file__).parent))
import embeddings
import labels

LEXICAL = ("coverage", "run", "pairs", "lead", "missing_names", "conflict", "negation")
HYBRID = (*LEXICAL, "cosine")
PENALTY = 0.5
"""Chosen by eight-fold cross-validation over the dev questions among 0.1, 0.3, 0.5 and 1."""

FOLDS = 8
Labelled = tuple[Match, bool]


def pairs(questions: Sequence[labels.Question], vectors: Vectors | None) -> list[Labelled]:
    """Each sentence of each answer beside each of its passages, and whether that one supports it."""
    return [
        (match, match.n in question.support_of(match.sentence.text))
        for question in questions
        for match in matches(question.answer, question.passages, vectors=vectors, question=question.question)
    ]


def fit(labelled: Sequence[Labelled], signals: Sequence[str]) -> Mapping[str, float]:
    """Weights of `signals` and the bias, by Newton's method. Pairs that lack a number or say
    the opposite are decided before the weights are asked, and left out."""
    known = [
        (match, label)
        for match, label in labelled
        if not match.overlap.missing_numbers and not match.overlap.opposite
    ]
    x = np.array([[*(_signal(match, name) for name in signals), 1.0] for match, _ in known])
    y = np.array([label for _, label in known], float)
    penalty = np.diag([PENALTY] * len(signals) + [0.0])
    weights: npt.NDArray[np.float64] = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-x @ weights))
        gradient = x.T @ (chance - y) + penalty @ weights
        weights -= np.linalg.solve((x.T * (chance * (1 - chance))) @ x + penalty, gradient)
    return dict(zip([*signals, "bias"], (round(float(weight), 2) for weight in weights), strict=True))


def _signal(match: Match, name: str) -> float:
    if name in ("lead", "cosine"):
        return float(getattr(match, name) or 0.0)
    return float(getattr(match.overlap, name))


def cross_validated(
    questions: Sequence[labels.Question], signals: Sequence[str], vectors: Vectors | None
) -> dict[str, dict[int, float]]:
    """The best score of each passage by question id, each from weights that have not seen the question."""
    order = np.random.default_rng(1).permutation(len(questions))
    best: dict[str, dict[int, float]] = {}
    for fold in range(FOLDS):
        held_out = [questions[i] for i in order[fold::FOLDS]]
        rest = [question for question in questions if question not in held_out]
        weights = fit(pairs(rest, vectors), signals)
        for question in held_out:
            found = best.setdefault(question.id, {})
            for match, _ in pairs([question], vectors):
                found[match.n] = max(found.get(match.n, 0.0), score(match, weights, weights))
    return best


def main() -> None:
    dev = [question for question in labels.load() if question.split == "dev"]
    for name, signals, vectors in (("LEXICAL", LEXICAL, None), ("HYBRID", HYBRID, embeddings.load(dev))):
        print(name, "=", fit(pairs(dev, vectors), signals))
        best = cross_validated(dev, signals, vectors)
        for threshold in (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75):
            predicted = {key: {n for n, v in found.items() if v >= threshold} for key, found in best.items()}
            got = labels.figures(dev, predicted)
            f_half = 1.25 * got.precision * got.recall / (0.25 * got.precision + got.recall)
            print(f"  {threshold:.2f}  P {got.precision:.3f}  R {got.recall:.3f}  F0.5 {f_half:.3f}")


if __name__ == "__main__":
    main()
