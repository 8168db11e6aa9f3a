"""The form of grammars in GBNF, as llama.cpp's grammars/README.md has it, without tokens by their name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from petra.errors import BadRequest

DEEPEST = 50
# llama.cpp's own limit on one repetition.
MOST_REPETITIONS = 2000

_ESCAPE = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[tnr\\\"\[\]])"
_TOKENS = re.compile(
    rf"""(?P<space>[ \t]+|\#[^\r\n]*)|(?P<line>\r\n?|\n)|(?P<define>::=)|(?P<name>[A-Za-z0-9-]+)
    |(?P<literal>"(?:[^"\\]|{_ESCAPE})*")|(?P<set>\[(?:[^\]\\]|{_ESCAPE})*\]|\.)
    |(?P<repeat>[*+?]|\{{[ \t]*\d{{1,9}}[ \t]*(?:,[ \t]*(?:\d{{1,9}}[ \t]*)?)?\}})|(?P<mark>[()|])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Text:
    """So many characters, or one of a set of so many."""

    size: int


@dataclass(frozen=True)
class Reference:
    """Another rule in its place."""

    name: str


@dataclass(frozen=True)
class Repeated:
    """`item`, `least` to `most` times; None is for ever."""

    item: Item
    least: int
    most: int | None


@dataclass(frozen=True)
class Choice:
    """One of several sequences."""

    alternatives: tuple[tuple[Item, ...], ...]


Item = Text | Reference | Repeated | Choice


def wrong(cause: str) -> BadRequest:
    """The error for a grammar that cannot be used."""
    return BadRequest(
        "The grammar cannot be used", cause=cause, remedy="See the description of GBNF in llama.cpp"
    )


class Reader:
    """A recursive descent over the tokens of a grammar."""

    def __init__(self, grammar: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(grammar):
            match = _TOKENS.match(grammar, position)
            if match is None:
                line = grammar.count("\n", 0, position) + 1
                raise wrong(f"Line {line} has {grammar[position]!r} where nothing begins with it")
            if match.lastgroup != "space":
                self._tokens.append((match.lastgroup or "", match.group()))
            position = match.end()
        self._tokens.append(("end", ""))
        self._at = 0
        self._depth = 0

    def rules(self) -> dict[str, Item]:
        """Every rule by its name. Raises BadRequest, or RecursionError."""
        rules: dict[str, Item] = {}
        self._lines()
        while self._kind != "end":
            name = self._take("name")
            self._take("define")
            self._lines()
            rules[name] = self._choice(nested=False)
            if self._kind != "end":
                self._take("line")
            self._lines()
        return rules

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    def _take(self, kind: str) -> str:
        found, text = self._tokens[self._at]
        if found != kind:
            raise wrong(f"There is {text[:20]!r} where a {kind} belongs" if text else "It ends too early")
        self._at += 1
        return text

    def _lines(self) -> None:
        while self._kind == "line":
            self._at += 1

    def _is(self, mark: str) -> bool:
        return self._tokens[self._at] == ("mark", mark)

    def _choice(self, *, nested: bool) -> Choice:
        self._depth += 1
        if self._depth > DEEPEST:
            raise wrong(f"It has more than {DEEPEST} parentheses within each other")
        alternatives = [self._sequence(nested=nested)]
        while self._is("|"):
            self._take("mark")
            self._lines()
            alternatives.append(self._sequence(nested=nested))
        self._depth -= 1
        return Choice(tuple(alternatives))

    def _sequence(self, *, nested: bool) -> tuple[Item, ...]:
        items: list[Item] = []
        while True:
            if nested:
                self._lines()
            kind = self._kind
            if kind == "repeat":
                if not items or items[-1] == Text(0):
                    raise wrong("There is a repetition of nothing")
                items[-1] = _repeated(items[-1], self._take("repeat"))
            elif kind == "literal":
                items.append(Text(len(re.sub(_ESCAPE, "x", self._take("literal"))) - 2))
            elif kind == "set":
                text = self._take("set")
                items.append(Text(0 if text in ("[]", "[^]") else len(text)))
            elif kind == "name":
                items.append(Reference(self._take("name")))
            elif self._is("("):
                self._take("mark")
                items.append(self._choice(nested=True))
                self._lines()
                if not self._is(")"):
                    raise wrong("There is a `(` without its `)`")
                self._take("mark")
            else:
                return tuple(items)


def _repeated(item: Item, text: str) -> Item:
    if text in "*+?":
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[text]
    else:
        first, comma, last = text.strip("{}").partition(",")
        least = int(first)
        most = int(last) if last.strip() else (None if comma else least)
    if most is not None and most < least:
        raise wrong(f"The repetition {text} has its bounds in the wrong order")
    if least > MOST_REPETITIONS:
        raise wrong(f"The repetition {text} is over {MOST_REPETITIONS}")
    if isinstance(item, Repeated) and _depth(item) > DEEPEST:
        raise wrong(f"It has more than {DEEPEST} repetitions of each other")
    return Repeated(item, least, None if most is not None and most > MOST_REPETITIONS else most)


def _depth(item: Item) -> int:
    depth = 0
    while isinstance(item, Repeated):
        item, depth = item.item, depth + 1
    return depth
