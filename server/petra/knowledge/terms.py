"""Text to the terms that the lexical index holds and a query asks for: one tokeniser for both. Pure.

Identifiers give their parts and the whole: `TokenStore.refresh_all` becomes `token`, `store`, `tokenstor`,
`refresh`, `all`, `refreshal` and `tokenstore.refresh_all`. Words are stemmed by their script: English for
Latin letters, Russian for Cyrillic, Greek and Arabic. Chinese, Japanese, Korean and Thai, which put no blanks
between words, give their characters two by two.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import tantivy

VERSION = 1
"""Raise it when the same text gives other terms: an index with another version is built again."""

LONGEST = 64
"""What is longer is data, not a word."""

MOST_ASKED = 64
"""Terms of a query that are looked up."""

_STOP_WORDS = (
    "a an and are as at be been but by can could did do does doing for from had has have having how i in is"
    " it its me my of on or our please s shall should so such t that the their them then there these they"
    " this those to was way we were what when where which who whom whose why will with would you your"
)
_KEPT = 200_000
# Letters that Unicode calls marks (vowel signs of India and others) are no \w in Python.
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u1000-\u109f\u1780-\u17d3"
UNSPACED = (
    "\u0e00-\u0eff\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003134f"
)
"""Letters of scripts that put no blanks between words, for a character class."""
_LETTER = rf"(?:(?![{UNSPACED}])[\w{_MARKS}])"
_ASCII_TOKEN = re.compile(r"\w+(?:\.[A-Za-z_]\w*)*", re.ASCII)
_TOKEN = re.compile(rf"[{UNSPACED}]+|{_LETTER}+(?:\.(?!\d){_LETTER}+)*")
_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
_CAMEL = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SPLIT = re.compile(r"_+|(?<=\d)(?=\D)|(?<=\D)(?=\d)")


def _stemmer(language: str) -> tantivy.TextAnalyzer:
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    return words.filter(tantivy.Filter.stemmer(language)).build()


_ENGLISH = _stemmer("english")
_OTHERS = (
    (re.compile("[\u0400-\u052f]"), _stemmer("russian")),
    (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), _stemmer("greek")),
    (re.compile("[\u0600-\u06ff]"), _stemmer("arabic")),
)


def terms(text: str) -> list[str]:
    """All terms of a text, in order, each as often as it occurs."""
    return indexed(text).split()


def indexed(text: str) -> str:
    """All terms of a text, with blanks between them, as the index takes them."""
    if text.isascii():
        tokens = _ASCII_TOKEN.findall(text)
    else:
        tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text))
    return " ".join([found for token in tokens if (found := _known[token])])


def asked(text: str) -> list[str]:
    """The different terms of a query that are worth looking up."""
    found = list(dict.fromkeys(terms(text)))
    return ([term for term in found if term not in STOP] or found)[:MOST_ASKED]


def parts(identifier: str) -> list[str]:
    """The words of an identifier: `getHTTPResponse2` → get, HTTP, Response, 2."""
    if identifier.isascii():
        return _CAMEL.findall(identifier)
    return [part for part in _SPLIT.split(identifier) if part]


def stem(word: str) -> str:
    """A word without case and ending."""
    folded = word.casefold()
    if len(folded) > LONGEST:
        return ""
    stemmer = _ENGLISH
    if not folded.isascii():
        stemmer = next((one for script, one in _OTHERS if script.search(folded)), _ENGLISH)
    found: Sequence[str] = stemmer.analyze(folded)
    return found[0] if found else folded


STOP = frozenset(stem(word) for word in _STOP_WORDS.split())
"""English words that say nothing about what is asked. They are in the index, and are asked for only when a
query has no other word."""


class _Known(dict[str, str]):
    """The terms of each token that was seen: texts repeat their words, and the same word is cut only once."""

    def __missing__(self, token: str) -> str:
        if len(self) >= _KEPT:
            self.clear()
        made = " ".join(_terms(token))
        self[token] = made
        return made


_known = _Known()


def _terms(token: str) -> list[str]:
    if _IS_UNSPACED.match(token):
        return [token[at : at + 2] for at in range(max(len(token) - 1, 1))]
    pieces = token.split(".")
    found = [term for piece in pieces for term in _of_piece(piece)]
    if len(pieces) > 1 and len(token) <= LONGEST:
        found.append(token.casefold())
    return found


def _of_piece(piece: str) -> list[str]:
    within = parts(piece)
    if len(within) == 1:
        return [some] if (some := stem(within[0])) else []
    # One letter beside others (the m of mRNA) says nothing by itself.
    found = [stem(part) for part in within if len(part) > 1 or part.isdigit()]
    return [term for term in (*found, stem("".join(within))) if term]
