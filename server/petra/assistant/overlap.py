"""What a sentence has in common with a passage, measured on their words alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from petra.assistant.disagreement import conflicting, denial, slots
from petra.assistant.sentences import Span, spans, unmarked
from petra.assistant.words import Words, words

# A common run of this many words is a quotation; a longer one says no more.
QUOTATION_WORDS = 12
# A neighbouring sentence joins the quotation when it adds this share of the meaning; at most two do.
_WORTH_JOINING = 0.15
_LONGEST_QUOTATION = 3
# Below this coverage a passage is about something else, and other numbers are no conflict.
_WORTH_CHECKING = 0.3
# What the words of the context count beside those of the fragment itself.
_CONTEXT_WEIGHT = 0.5
# What is left of a fragment's support in a passage that has nothing of its context.
_WITHOUT_CONTEXT = 0.25


class Overlap(NamedTuple):
    """What a sentence shares with a passage; all shares lie in [0, 1].

    `units` are the first and last sentence of the quotation: the sentence of the passage that has most
    in common, with neighbours that add to it. `coverage` is the share of the meaning that stands there
    or in the header; `run` is the longest common run of words, `pairs` the share of neighbouring words
    that are neighbours in the quotation. `missing_numbers` and
    `missing_names` are absent from passage and header; `conflict` is 1 where the nearest sentence has
    other numbers or names instead; `negation` is 1 where one of the two denies a common word and the
    other does not, `opposite` whether both have it in the same place.
    """

    units: Span
    coverage: float
    run: float
    pairs: float
    missing_numbers: float
    missing_names: float
    conflict: float
    negation: float
    opposite: bool


class Indexed:
    """One passage: its sentences (`spans`, offsets in its text) and their words (`units`)."""

    def __init__(self, text: str, header: str) -> None:
        self.spans = spans(text)
        self.units = [words(unmarked(text[start:end])) for start, end in self.spans]
        self.header = words(header).content
        self.found = self.header.union(*(unit.content for unit in self.units))
        self.sequence = [word for unit in self.units for word in unit.sequence]
        self.pairs = [frozenset(zip(unit.sequence, unit.sequence[1:], strict=False)) for unit in self.units]
        self.places: defaultdict[str, list[int]] = defaultdict(list)
        for place, word in enumerate(self.sequence):
            self.places[word].append(place)
        self.units_with: defaultdict[str, list[int]] = defaultdict(list)
        for i, unit in enumerate(self.units):
            for word in unit.content:
                self.units_with[word].append(i)


class Asserted:
    """One sentence of an answer, ready to be compared with the passages.

    `context` is what a fragment needs to be understood (its question, the line above a list) and empty
    for a whole sentence. A word says more, the fewer passages have it (smoothed inverse document
    frequency).
    """

    def __init__(self, said: Words, context: Words, passages: Sequence[Indexed]) -> None:
        self.said = said
        self.weights = _weights(said.content, passages)
        self.context = _weights(context.content - said.content, passages)
        self.wanted = {word: _CONTEXT_WEIGHT * weight for word, weight in self.context.items()} | self.weights
        self.total = sum(self.wanted.values()) or 1.0
        self.pairs = set(zip(said.sequence, said.sequence[1:], strict=False))
        self.numbers = frozenset(said.numbers)
        self.slots = slots(said)


def compare(claim: Asserted, passage: Indexed, liking: Sequence[float] = ()) -> Overlap:
    """What a sentence shares with a passage that has at least one sentence of its own.

    `liking` is a bonus in [0, 1] for each sentence of the passage, which helps to choose the quotation.
    """
    said = claim.said
    nearest, first, last = _quotation(claim, passage, liking)
    near = passage.header.union(*(unit.content for unit in passage.units[first : last + 1]))
    fitting = 1.0
    if claim.context:
        fitting = _WITHOUT_CONTEXT + (1 - _WITHOUT_CONTEXT) * _share(claim.context, passage.found)
    coverage = fitting * _share(claim.weights, near)
    pairs = coverage
    if claim.pairs:
        there = passage.pairs[first].union(*passage.pairs[first + 1 : last + 1])
        pairs = fitting * len(claim.pairs & there) / len(claim.pairs)
    longest = min(QUOTATION_WORDS, len(said.sequence))
    differs, opposite = denial(said, passage.units[nearest])
    return Overlap(
        units=(first, last),
        coverage=coverage,
        run=fitting * min(1.0, _longest_run(said.sequence, passage) / longest),
        pairs=pairs,
        missing_numbers=_lacking(claim.numbers, passage.found),
        missing_names=_lacking(said.names, passage.found),
        conflict=float(
            coverage > _WORTH_CHECKING
            and conflicting(claim.slots, passage.units[first : last + 1], passage.sequence, passage.places)
        ),
        negation=float(differs),
        opposite=opposite,
    )


def _weights(found: frozenset[str], passages: Sequence[Indexed]) -> dict[str, float]:
    weights = {}
    for word in found:
        having = sum(word in passage.found for passage in passages)
        weights[word] = math.log(1 + (len(passages) + 1) / (max(having, 1) + 0.5))
    return weights


def _quotation(claim: Asserted, passage: Indexed, liking: Sequence[float]) -> tuple[int, int, int]:
    """The sentence that holds most of what is wanted; the first and last of it and its neighbours."""
    gains = [0.0] * len(passage.units)
    for word, weight in claim.wanted.items():
        for i in passage.units_with.get(word, ()):
            gains[i] += weight
    scores = (
        [gain / claim.total + like for gain, like in zip(gains, liking, strict=True)] if liking else gains
    )
    nearest = first = last = scores.index(max(scores))
    held = passage.units[nearest].content
    while last - first < _LONGEST_QUOTATION - 1:
        best, chosen = _WORTH_JOINING * claim.total, -1
        for i in (first - 1, last + 1):
            if 0 <= i < len(gains) and gains[i] > best:
                added = sum(claim.wanted.get(word, 0.0) for word in passage.units[i].content - held)
                if added > best:
                    best, chosen = added, i
        if chosen < 0:
            break
        first, last = min(first, chosen), max(last, chosen)
        held |= passage.units[chosen].content
    return nearest, first, last


def _share(weights: dict[str, float], found: frozenset[str]) -> float:
    held = total = 0.0
    for word, weight in weights.items():
        total += weight
        if word in found:
            held += weight
    return held / total if total else 0.0


def _lacking(wanted: Collection[str], found: frozenset[str]) -> float:
    return sum(word not in found for word in wanted) / len(wanted) if wanted else 0.0


def _longest_run(sequence: Sequence[str], passage: Indexed) -> int:
    """Words in the longest run that both have, in order and without a gap."""
    longest = 0
    there = passage.sequence
    for i in range(len(sequence)):
        for place in passage.places.get(sequence[i], ()):
            if i and place and sequence[i - 1] == there[place - 1]:
                continue  # counted from where this run began
            end = i + longest
            # A longer run has to reach beyond the longest one so far.
            if (
                end >= len(sequence)
                or place + longest >= len(there)
                or sequence[end] != there[place + longest]
            ):
                continue
            length = 1
            while (
                i + length < len(sequence)
                and place + length < len(there)
                and sequence[i + length] == there[place + length]
            ):
                length += 1
            longest = max(longest, length)
    return longest
