"""What kind of thing a query asks for, and what it names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from petra.knowledge import terms
from petra.knowledge.ranking.paths import LIFTED_BY, PathKind

Kind = Literal["symbol", "path", "error", "question"]

MOST_NAMES = 16
_SUFFIXES = (
    "bash c cc cfg cpp cs css csv docx epub go gradle h hpp hs html ini ipynb java jl js json jsx kt lock log"
    " lua m md ml mod pdf php pl ppt pptx py pyi r rb rs rst scala sh sql svelte swift tex toml ts tsx txt v"
    " vue xlsx xml yaml yml"
)
_EXTENSIONS = frozenset(_SUFFIXES.split())
_NAME = r"[^\W\d]\w*"
_SYMBOL = re.compile(rf"`?@?({_NAME}(?:(?:::|->|\.|#){_NAME})*)(?:\(.*\))?`?[;?]?")
_UNSPACED = re.compile(f"[{terms.UNSPACED}]")
_SEPARATOR = re.compile(r"::|->|\.|#")
_QUOTED = re.compile(rf"`({_NAME}(?:(?:::|->|\.|#){_NAME})*)(?:\([^`]*\))?`")
# Patterns begin where a name or path begins, and nowhere within: a query of 20,000 letters takes no seconds.
_CALLED = re.compile(rf"(?<![\w.:>])({_NAME}(?:(?:::|->|\.){_NAME})*)\(")
_COMPOUND = re.compile(r"\b(?:[A-Za-z]\w*_\w+|_+[A-Za-z]\w*|[A-Za-z]+[a-z0-9][A-Z]\w*|[A-Z]{2,}[a-z]\w*)\b")
_QUALIFIED = re.compile(rf"(?<![\w.:>]){_NAME}(?:(?:::|->|\.){_NAME})+\b")
_CAPITAL = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][a-z]\w*\b")
_PLACE = re.compile(
    r"""(?<![\w./\\+@-])(?P<path>[\w./\\+@-]*\w\.[A-Za-z][A-Za-z0-9_]{0,9})
    (?:(?::|",\ line\ |\()(?P<line>\d+))?""",
    re.VERBOSE,
)
_ERROR = re.compile(
    r"Traceback \(most recent|\b\w*(?:Error|Exception|Panic|Warning)\b\s*[:(\[]|\berror(?:\[\w+\])?:"
    r"|\bpanic(?:ked)?\b[ :]|\bfatal:|[Ss]egmentation fault|undefined reference|\berrno\b"
    r"|^[ \t]+at [\w.$<>]+\(|:\d+:\d+:",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Name:
    """An identifier in a query. `scope` is what stands before it (the `Session` of `Session.get`); `sure`
    says that it is written as only identifiers are."""

    name: str
    scope: str = ""
    sure: bool = True


@dataclass(frozen=True)
class Place:
    """A file in a query, and a line of it."""

    path: str
    line: int | None = None


@dataclass(frozen=True)
class Query:
    """A query, understood. `words` are its terms without stop words; `wants` are the kinds of files that
    it asks for by name."""

    text: str
    kind: Kind
    words: tuple[str, ...]
    names: tuple[Name, ...]
    places: tuple[Place, ...]
    wants: frozenset[PathKind]

    @property
    def is_unspaced(self) -> bool:
        """Whether it is mostly in a script without blanks between words."""
        return _is_unspaced(self.text)


def understand(text: str) -> Query:
    """Read a query."""
    stripped = text.strip()
    words = tuple(terms.asked(stripped))
    places = _places(stripped)
    symbol = None if _is_unspaced(stripped) else _SYMBOL.fullmatch(stripped)
    names: tuple[Name, ...]
    kind: Kind
    if _is_path(stripped, places):
        kind, names = "path", ()
    elif symbol:
        kind, names = "symbol", (_named(symbol[1]),)
    else:
        kind = "error" if _ERROR.search(stripped) else "question"
        names = _names(stripped)
    wants = frozenset(what for what, said in LIFTED_BY.items() if not said.isdisjoint(words))
    return Query(stripped, kind, words, names, places, wants)


def _is_unspaced(text: str) -> bool:
    return 2 * len(_UNSPACED.findall(text)) > len(text)


def _is_path(text: str, places: tuple[Place, ...]) -> bool:
    """Whether the whole query is one file or folder."""
    if " " in text or not text:
        return False
    if "/" in text.strip("/"):
        return "://" not in text
    return len(places) == 1 and (places[0].line is not None or _extension(places[0].path) in _EXTENSIONS)


def _extension(path: str) -> str:
    return path.rsplit(".", 1)[-1].lower()


def _places(text: str) -> tuple[Place, ...]:
    found = {
        Place(_slashes(match["path"]), int(match["line"]) if match["line"] else None)
        for match in _PLACE.finditer(text)
        if "/" in match["path"] or match["line"] or _extension(match["path"]) in _EXTENSIONS
    }
    return tuple(sorted(found, key=lambda place: (place.path, place.line or 0)))


def _slashes(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")


def _named(written: str, *, sure: bool = True) -> Name:
    *scope, name = _SEPARATOR.split(written)
    return Name(name, scope[-1] if scope else "", sure)


def _names(text: str) -> tuple[Name, ...]:
    """The identifiers in a sentence: quoted, called, qualified or compound; then, less surely, words with a
    capital that does not begin a sentence."""
    sure = [
        written for pattern in (_QUOTED, _CALLED, _QUALIFIED, _COMPOUND) for written in pattern.findall(text)
    ]
    names = dict.fromkeys(_named(written) for written in sure)
    known = {item.name for item in names}
    names |= dict.fromkeys(Name(word, sure=False) for word in _CAPITAL.findall(text) if word not in known)
    return tuple(names)[:MOST_NAMES]
