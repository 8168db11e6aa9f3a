"""Which passages of the prompt an answer really rests on.

Small models name the wrong passage more often than the right one, so what they name counts for
nothing by itself: each sentence of the answer is compared with each passage by quotation, by the words
they share and, where vectors are given, by meaning. `docs/attribution.md` describes the method and
its limits, `benchmarks/attribution` measures it. Pure functions; nothing here waits or reads a file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from petra.assistant.overlap import Asserted, Indexed, Overlap, compare
from petra.assistant.sentences import Sentence, sentences
from petra.assistant.words import Words, words

Kind = Literal["cited", "supported", "retrieved"]
Weights = Mapping[str, float]
Vectors = Mapping[str, npt.NDArray[np.floating]]

THRESHOLD = 0.55
"""Score from which a passage supports a sentence: best F0.5 on the dev half of `benchmarks/attribution`."""

MAX_TEXTS = 160
"""How many texts are embedded for one answer at most."""

MAX_SENTENCES = 40
"""How many different sentences of an answer are looked at; a longer one repeats itself."""

_WEIGHED = ("coverage", "run", "pairs", "missing_names", "conflict", "negation")
# A sentence with fewer words that carry meaning needs its question, or the line above it, to say anything.
_FRAGMENT_WORDS = 4
# "The four conditions for a deadlock are:" is not a claim of its own.
_INTRODUCTION_WORDS = 5
_LONGEST_TEXT = 600  # characters; MiniLM reads 256 tokens

_ASIDE = re.compile(r"^(?:A|Q|Answer|Question)\s?:\s*")
# Sentences about the passages or the conversation. They share words with a passage and claim nothing.
_NO_CLAIM = re.compile(
    r"\?$"
    r"|\b(?:passages?|texts?|contexts?|documents?|notes?|sources?|files?|information)\b[^.]{0,40}?"
    r"\b(?:(?:do|does|did)(?:\s?n[o'’]t|\snot)|cannot|never|no)\b"
    r"|\b(?:not|n[o'’]t)\s(?:be\s)?(?:mentioned|stated|specified|given|provided|found|covered|included|clear)\b"
    r"|\b(?:could|can|do|did|am|was)\s?(?:n[o'’]t|not)\s(?:find|know|sure|able|answer|say|tell|determine)\b"
    r"|\bno (?:information|mention|answer|details?)\b|\bnothing (?:about|on|in)\b"
    r"|^(?:sorry|unfortunately)\b"
    r"|^the (?:\w+ )?(?:passage|text|question|answer)s? (?:\w+ )?(?:is|are|lies) (?:about|in|from)\b",
    re.IGNORECASE,
)


class Passage(Protocol):
    """As much of a passage as is looked at."""

    @property
    def text(self) -> str:
        """The text that was shown to the model."""

    @property
    def header(self) -> str | None:
        """Where it stands: chapter, heading, name of a function."""


@dataclass(frozen=True)
class Judgement:
    """What the check found out about passage `n`, counted from 1.

    `quote` is the part of the passage that is closest to the answer, one to three sentences exactly as
    they stand there. `score` in [0, 1] estimates the chance that the passage supports a sentence.
    """

    n: int
    kind: Kind
    quote: str
    score: float


class Match(NamedTuple):
    """One sentence of the answer beside passage `n`: what speaks for and against it as the source.

    `lead` in [-1, 1] is how much of the sentence's meaning the passage has beyond the best of the
    others; `cosine` is between the sentence and the nearest one of the passage, None without vectors.
    """

    sentence: Sentence
    n: int
    quote: str
    overlap: Overlap
    lead: float
    cosine: float | None


# Logistic regression on the dev half of benchmarks/attribution; its fit.py prints these figures.
LEXICAL: Weights = {
    "coverage": 1.29, "run": 1.18, "pairs": 1.65, "lead": 2.32, "missing_names": -1.43,
    "conflict": -3.08, "negation": -0.94, "bias": -2.83,
}  # fmt: skip
HYBRID: Weights = {
    "coverage": 0.83, "run": 1.17, "pairs": 1.34, "lead": 2.18, "missing_names": -1.44,
    "conflict": -2.95, "negation": -1.55, "cosine": 1.92, "bias": -3.63,
}  # fmt: skip


def attribute(
    answer: str, passages: Sequence[Passage], *, vectors: Vectors | None = None, question: str = ""
) -> list[Judgement]:
    """What the answer rests on: one judgement for each passage, in their order.

    `vectors` maps texts to their embeddings, as asked for by `texts_to_embed`; without it, or for a
    text that is missing in it, words alone decide. `question` lets a fragment ("Fridays.") be understood.
    A passage is `cited` if the answer names it at a sentence that it supports, `supported` if it
    supports one without being named there, and otherwise `retrieved`.
    """
    best: dict[int, tuple[float, str]] = {}
    cited: set[int] = set()
    for found in matches(answer, passages, vectors=vectors, question=question):
        value = score(found)
        if value >= THRESHOLD and found.n in found.sentence.cited:
            cited.add(found.n)
        if value > best.get(found.n, (-1.0, ""))[0]:
            best[found.n] = value, found.quote
    judgements = []
    for n in range(1, len(passages) + 1):
        value, quote = best.get(n, (0.0, ""))
        kind: Kind = "cited" if n in cited else "supported" if value >= THRESHOLD else "retrieved"
        judgements.append(Judgement(n, kind, quote, value))
    return judgements


def texts_to_embed(answer: str, passages: Sequence[Passage], *, question: str = "") -> list[str]:
    """The texts whose embeddings make the check better: sentences of the answer, then of the passages.

    At most `MAX_TEXTS`; of passages that have more, the sentences that share the most words with the
    answer.
    """
    claims = _claims(answer, len(passages), question)
    if not claims:
        return []
    wanted = frozenset().union(*(claim.said.content for claim in claims))
    offered: dict[str, int] = {}
    for passage in passages:
        indexed = Indexed(passage.text, passage.header or "")
        for (start, end), unit in zip(indexed.spans, indexed.units, strict=True):
            if unit.content:
                offered[_embedded(passage.text[start:end])] = len(unit.content & wanted)
    texts = list(dict.fromkeys(claim.meaning for claim in claims))
    room = MAX_TEXTS - len(texts)
    if len(offered) > room:
        kept = set(sorted(offered, key=offered.__getitem__, reverse=True)[:room])
        offered = {text: shared for text, shared in offered.items() if text in kept}
    return list(dict.fromkeys([*texts, *offered]))


def matches(
    answer: str, passages: Sequence[Passage], *, vectors: Vectors | None = None, question: str = ""
) -> Iterator[Match]:
    """Each sentence of the answer that claims something, beside each passage that has words."""
    claims = _claims(answer, len(passages), question)
    if not claims:
        return
    indexed = [Indexed(passage.text, passage.header or "") for passage in passages]
    vectors = vectors or {}
    units = [
        [_unit(vectors.get(_embedded(passage.text[start:end]))) for start, end in one.spans]
        if vectors
        else []
        for passage, one in zip(passages, indexed, strict=True)
    ]
    for claim in claims:
        asserted = Asserted(claim.said, words(claim.context), indexed)
        vector = _unit(vectors.get(claim.meaning)) if vectors else None
        cosines = [_cosines(vector, row) for row in units]
        overlaps = {i: compare(asserted, one, cosines[i]) for i, one in enumerate(indexed) if one.units}
        coverages = {overlap.coverage for overlap in overlaps.values()}
        for i, overlap in overlaps.items():
            first, last = overlap.units
            quote = passages[i].text[indexed[i].spans[first][0] : indexed[i].spans[last][1]]
            # Two that say the same are sources both: neither takes the lead from the other.
            lead = overlap.coverage - max(coverages - {overlap.coverage}, default=0.0)
            yield Match(claim.sentence, i + 1, quote, overlap, lead, max(cosines[i], default=None))


def score(match: Match, lexical: Weights = LEXICAL, hybrid: Weights = HYBRID) -> float:
    """The estimated chance in [0, 1] that the passage supports the sentence."""
    if match.overlap.missing_numbers or match.overlap.opposite:
        return 0.0  # it says 8 and the passage 6, or "can" and the passage "cannot": whatever the rest
    weights = lexical if match.cosine is None else hybrid
    total = (
        weights["bias"] + weights["lead"] * match.lead + weights.get("cosine", 0.0) * (match.cosine or 0.0)
    )
    for name in _WEIGHED:
        total += weights[name] * getattr(match.overlap, name)
    return 1 / (1 + math.exp(-total))


class _Claim(NamedTuple):
    """A sentence that claims something. `context` is what a fragment has to be read with, else empty."""

    sentence: Sentence
    said: Words
    context: str

    @property
    def meaning(self) -> str:
        """The text to embed."""
        return _embedded(f"{self.context} {self.sentence.text}")


def _claims(answer: str, passages: int, question: str) -> list[_Claim]:
    """The different sentences that claim something; a repeated one counts once, with all its markers."""
    claims: dict[tuple[str, str], _Claim] = {}
    for sentence in sentences(answer, passages):
        text = _ASIDE.sub("", sentence.text)
        earlier = claims.get((text, sentence.lead))
        if earlier:
            cited = sentence.cited | earlier.sentence.cited
            claims[text, sentence.lead] = earlier._replace(sentence=Sentence(text, cited, sentence.lead))
            continue
        said = words(text)
        introduces = text.endswith(":") and len(said.content) < _INTRODUCTION_WORDS
        if said.content and not introduces and not _NO_CLAIM.search(text) and len(claims) < MAX_SENTENCES:
            context = (sentence.lead or question) if len(said.content) < _FRAGMENT_WORDS else ""
            claim = _Claim(Sentence(text, sentence.cited, sentence.lead), said, context)
            claims[text, sentence.lead] = claim
    return list(claims.values())


def _embedded(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_TEXT]


def _unit(vector: npt.NDArray[np.floating] | None) -> npt.NDArray[np.floating] | None:
    """The vector with length 1."""
    return None if vector is None else vector / (np.linalg.norm(vector) or 1.0)


def _cosines(
    vector: npt.NDArray[np.floating] | None, units: Sequence[npt.NDArray[np.floating] | None]
) -> list[float]:
    """Of the sentence with each sentence of a passage, 0 where one was not embedded; [] if none was."""
    if vector is None or all(unit is None for unit in units):
        return []
    return [0.0 if unit is None else max(0.0, float(vector @ unit)) for unit in units]
