"""A code word for each student: whoever reads another's has been given another's words."""

from __future__ import annotations

import itertools

from benchmarks.engine.prompts import Course, Message, drawn

COLOURS = [
    "amber",
    "azure",
    "beige",
    "coral",
    "crimson",
    "indigo",
    "ivory",
    "khaki",
    "maroon",
    "olive",
    "scarlet",
    "umber",
]
ANIMALS = [
    "badger",
    "bittern",
    "dormouse",
    "ferret",
    "gecko",
    "heron",
    "ibex",
    "lynx",
    "marmot",
    "newt",
    "otter",
    "weasel",
]


def code_words(number: int) -> list[str]:
    """So many words of which no two are alike in more than one part; a model does not invent them."""
    pairs = list(itertools.product(COLOURS, ANIMALS))[:: max(1, len(COLOURS) * len(ANIMALS) // number)]
    draw = drawn("code words", number)
    draw.shuffle(pairs)
    numbers = draw.sample(range(1000, 9999), number)
    return [f"{colour}-{animal}-{digits}" for (colour, animal), digits in zip(pairs, numbers, strict=False)]


def question(course: Course, student: int, turn: int, word: str) -> Message:
    """A question that a small model mostly answers with the student's own word."""
    asked = course.ask(student, turn)["content"]
    begin = f"Begin your answer with the words: The code word is {word}."
    return {"role": "user", "content": f"The code word is {word}. {asked} {begin}"}


def foreign(text: str, own: str, words: list[str]) -> list[str]:
    """Code words of others in an answer."""
    return [word for word in words if word != own and word in text]
