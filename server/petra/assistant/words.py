"""Texts as words that can be compared: numbers by value, plurals and endings folded, negations known."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["word", "number", "negation", "stop", ""]

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(
    rf"[{_CJK}]|(?:(?<![^\s(=])[-−])?\d+(?:[.,:]\d+)*(?:st|nd|rd|th)?|[^\W\d_{_CJK}][^\W_{_CJK}]*(?:['’][^\W\d_]+)?|%"
)
_STOP_TEXT = """
a an the of to in is are am be been being was were it its and or for on at by with from that this these those
as than then there here which what when where who whom whose how why do does did done has have had having can
could may might must shall should will would i you he she we they me him her us them my your his our their if
so such also into about up out over only very just but any some all each both
"""
_STOP = frozenset(_STOP_TEXT.split())
_NEGATIONS = frozenset(
    ("not", "no", "never", "cannot", "nor", "neither", "without", "none", "nobody", "nothing")
)
_COMPARATIVES = frozenset(("more", "less", "fewer", "later", "longer", "only"))
_NUMBER_TEXT = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty
"""
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_TEXT.split(), start=2)}
_ALIASES = {
    "%": "percent", "kb": "kilobyte", "mb": "megabyte", "gb": "gigabyte", "kib": "kibibyte",
    "mib": "mebibyte", "gib": "gibibyte", "ms": "millisecond", "μs": "microsecond", "ns": "nanosecond",
}  # fmt: skip
# How many meaningful words after "not" or "no" are taken to be denied by it.
_DENIAL_REACHES = 3
_UNITS = frozenset(_ALIASES.values())
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")


@dataclass(frozen=True)
class Words:
    """A text as words in the form in which they are compared.

    `sequence` has all of them in order, `content` those that carry meaning. Parts of `content` are the
    `numbers` (each as often as it stands there), the `names` (capitalised inside a sentence, or spelt
    like BBR or IPv6) and the words that are `denied`: those that closely follow a negation.
    """

    sequence: tuple[str, ...]
    content: frozenset[str]
    numbers: tuple[str, ...]
    names: frozenset[str]
    denied: frozenset[str]


def words(text: str) -> Words:
    """The words of a text. `1,024` equals `1024`, `six` equals `6`, `10 %` equals `10 percent`."""
    sequence: list[str] = []
    content: set[str] = set()
    numbers: list[str] = []
    names: set[str] = set()
    denied: set[str] = set()
    scope = 0
    for raw in _WORD.findall(text if text.isascii() else unicodedata.normalize("NFKC", text)):
        word, kind = _normalised(raw.lower())
        if kind == "stop":
            sequence.append(word)
            continue
        sequence.append(word)
        if kind == "negation":
            scope = _DENIAL_REACHES
            continue
        if raw.lower() in _COMPARATIVES and sequence[-2:-1] == ["not"]:
            scope = 0  # "no more than two" denies nothing
        content.add(word)
        if scope:
            denied.add(word)
            scope -= 1
        if kind == "number":
            numbers.append(word)
        elif not raw.islower() and (len(sequence) > 1 or not raw.istitle()) and word not in _UNITS:
            names.add(word)
    return Words(tuple(sequence), frozenset(content), tuple(numbers), frozenset(names), frozenset(denied))


def is_stop_word(word: str) -> bool:
    """Whether a normalised word carries no meaning of its own."""
    return word in _STOP


@lru_cache(maxsize=16384)
def _normalised(word: str) -> tuple[str, Kind]:
    if (word[-1].isdigit() and word[0] in "-−") or word[0].isdigit():
        word = re.sub(r"(?:st|nd|rd|th)$", "", word)
        return (word.replace(",", "") if _THOUSANDS.fullmatch(word) else word), "number"
    if word in _NUMBERS:
        return _NUMBERS[word], "number"
    if word in _NEGATIONS or word.endswith(("n't", "n’t")):
        return "not", "negation"
    if word in _STOP:
        return word, "stop"
    word = re.sub(r"['’]\w*$", "", word) or word
    return _stem(_ALIASES.get(word, word)), "word"


def _stem(word: str) -> str:
    """The word without plural, -ed, -ing and a final e: only ever compared, never shown."""
    if len(word) < 4 or not word.isalpha():
        return word
    if word.endswith(("ies", "ied")):
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]
    for ending, shortest in (("ing", 6), ("ed", 5)):
        if word.endswith(ending) and len(word) >= shortest:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word.removesuffix("e") if len(word) > 3 else word
