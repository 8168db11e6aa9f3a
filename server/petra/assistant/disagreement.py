"""Where a sentence says something else than a passage with nearly the same words.

A number, a name or a "not" changes a sentence into its opposite and leaves nearly all of its words. So
these are compared by the place in which they stand: by the words closely before and after them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from petra.assistant.words import Words, is_stop_word

# Words on each side that say in which place a word stands; a stop word counts half.
_NEAR = 3
# Two numbers or names stand in the same place from a likeness of more than this, a denied word from this.
_SAME_PLACE = 1.4
_SAME_CLAUSE = 2.0
# A model that counts to a thousand, or repeats one word, must not cost seconds.
_MOST_SLOTS = 40


class Slot(NamedTuple):
    """A word in a text, with the words closely before and after it."""

    word: str
    is_number: bool
    before: frozenset[str]
    after: frozenset[str]


def slots(said: Words) -> list[Slot]:
    """The places of the numbers and names of a text, of the first ones if there are very many."""
    marks = said.names.union(said.numbers)
    places = [i for i, word in enumerate(said.sequence) if word in marks][:_MOST_SLOTS]
    return [_slot(said.sequence, i, said.sequence[i] in said.numbers) for i in places]


def conflicting(
    claimed: Sequence[Slot], quoted: Sequence[Words], sequence: Sequence[str], places: Mapping[str, list[int]]
) -> bool:
    """Whether the quotation has another number or name in the place of a claimed one.

    "Pipelines (5 points)" conflicts with "Pipelines (8 points)" even if a 5 stands elsewhere in the
    passage, whose words are `sequence`, with `places` telling where in it each word is.
    """
    rivals = [slot for unit in quoted for slot in slots(unit)][:_MOST_SLOTS] if claimed else []
    for here in claimed:
        own = [
            _alike(here, _slot(sequence, i, here.is_number)) for i in places.get(here.word, ())[:_MOST_SLOTS]
        ]
        least = max([_SAME_PLACE, *own])
        for rival in rivals:
            other = rival.word != here.word and rival.is_number == here.is_number
            if other and _alike(here, rival) > least:
                return True
    return False


def denial(said: Words, nearest: Words) -> tuple[bool, bool]:
    """Whether a word of both is denied in one of them only; and whether it stands in the same place in
    both, so that the one says the opposite of the other."""
    here, there = said.denied & nearest.content, nearest.denied & said.content
    if not (here or there) or here & there:
        return False, False
    return True, any(
        _alike(one, other) >= _SAME_CLAUSE
        for word in here | there
        for one in _all(said.sequence, word)
        for other in _all(nearest.sequence, word)
    )


def _all(sequence: Sequence[str], word: str) -> list[Slot]:
    places = [i for i, found in enumerate(sequence) if found == word]
    return [_slot(sequence, i, False) for i in places[:_MOST_SLOTS]]


def _slot(sequence: Sequence[str], i: int, is_number: bool) -> Slot:
    before, after = sequence[max(0, i - _NEAR) : i], sequence[i + 1 : i + 1 + _NEAR]
    return Slot(sequence[i], is_number, frozenset(before), frozenset(after))


def _alike(one: Slot, other: Slot) -> float:
    common = [*(one.before & other.before), *(one.after & other.after)]
    return sum(0.5 if is_stop_word(word) else 1.0 for word in common)
