"""Whether a grammar in GBNF can be handed to llama.cpp, decided before its parser sees it.

That parser recurses with every parenthesis, its test for left recursion takes exponential time, `{3,1}` and
the repetition of long literals fill all memory, and hidden left recursion never ends: the worker would be
gone. The form is that of llama.cpp's grammars/README.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from petra.errors import BadRequest

LONGEST = 64 * 1024
DEEPEST = 50
# llama.cpp's own limit on one repetition.
MOST_REPETITIONS = 2000
# Elements after repetitions are written out: 8 bytes each, three times over.
MOST_ELEMENTS = 200_000
# Ways to go on from one place: each is a stack that every candidate is tried on.
MOST_WAYS = 5000
# Calls of llama.cpp's recursive test for left recursion, and how deep they go.
MOST_CALLS = 2_000_000
MOST_CALLS_DEEP = 500
# Passes over the rules to find those that may be empty.
ROUNDS = 50

_ESCAPE = r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[tnr\\\"\[\]])"
_TOKENS = re.compile(
    rf"""(?P<space>[ \t]+|\#[^\r\n]*)|(?P<line>\r\n?|\n)|(?P<define>::=)|(?P<name>[A-Za-z0-9-]+)
    |(?P<literal>"(?:[^"\\]|{_ESCAPE})*")|(?P<set>\[(?:[^\]\\]|{_ESCAPE})*\]|!?<[^<>\s]+>|\.)
    |(?P<repeat>[*+?]|\{{[ \t]*\d{{1,9}}[ \t]*(?:,[ \t]*(?:\d{{1,9}})?[ \t]*)?\}})|(?P<mark>[()|])""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Node:
    """What is known of an expression: elements, ways to begin it, ways to leave it empty, and how many
    rules are looked at, and how deep, to find what it can begin with."""

    size: int
    ways: int
    empty: int
    calls: int = 0
    depth: int = 0


EMPTY, ONE = Node(0, 1, 1), Node(1, 1, 0)


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


Item = Node | Reference | Repeated | Choice


def check(grammar: str) -> None:
    """Raise BadRequest for what is no grammar, and for what would cost more than an answer is worth."""
    if len(grammar.encode("utf-8", "replace")) > LONGEST:
        raise wrong(f"It is longer than {LONGEST // 1024} KiB")
    if "\0" in grammar:
        raise wrong("It has a NUL character")
    try:
        rules = _Reader(grammar).rules()
        missing = sorted({name for rule in rules.values() for name in _names(rule)} - rules.keys())
        if missing or "root" not in rules:
            raise wrong(f"There is no rule `{missing[0] if missing else 'root'}`")
        nodes = _measure(rules)
    except RecursionError:
        raise wrong("It is nested too deeply") from None
    widest = max(nodes, key=lambda name: nodes[name].ways)
    if nodes[widest].ways > MOST_WAYS:
        raise wrong(f"Rule `{widest}` can begin in too many ways")
    if sum(node.size for node in nodes.values()) > MOST_ELEMENTS:
        raise wrong("Its repetitions make it too large")
    deepest = max(node.depth for node in nodes.values())
    if deepest > MOST_CALLS_DEEP or sum(node.calls for node in nodes.values()) > MOST_CALLS:
        raise wrong("Too many of its rules begin with other rules")


def wrong(cause: str) -> BadRequest:
    """The error for a grammar that cannot be used."""
    return BadRequest(
        "The grammar cannot be used", cause=cause, remedy="See the description of GBNF in llama.cpp"
    )


class _Reader:
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
                if not items or items[-1] == EMPTY:
                    raise wrong("There is a repetition of nothing")
                items[-1] = _repeated(items[-1], self._take("repeat"))
            elif kind == "literal":
                length = len(re.sub(_ESCAPE, "x", self._take("literal"))) - 2
                items.append(Node(length, 1, 0 if length else 1))
            elif kind == "set":
                text = self._take("set")
                items.append(EMPTY if text in ("[]", "[^]") else Node(len(text), 1, 0))
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


def _names(item: Item, *, first: Set[str] | None = None) -> set[str]:
    """The rules that an item names; with `first`, the names of those that may be empty, only what an item
    can begin with."""
    if isinstance(item, Reference):
        return {item.name}
    if isinstance(item, Repeated):
        return _names(item.item, first=first)
    names: set[str] = set()
    if isinstance(item, Choice):
        for sequence in item.alternatives:
            for part in sequence:
                names |= _names(part, first=first)
                if first is not None and not _empty(part, first):
                    break
    return names


def _empty(item: Item, known: Set[str]) -> bool:
    if isinstance(item, Node):
        return item.empty > 0
    if isinstance(item, Reference):
        return item.name in known
    if isinstance(item, Repeated):
        return item.least == 0 or _empty(item.item, known)
    return any(all(_empty(part, known) for part in sequence) for sequence in item.alternatives)


def _mark(name: str, rule: Item, empty: set[str]) -> bool:
    """Add a rule that may be empty, as far as is known by now."""
    if _empty(rule, empty):
        empty.add(name)
    return name in empty


def _measure(rules: dict[str, Item]) -> dict[str, Node]:
    """What is known of each rule. Raises BadRequest for one that begins with itself."""
    empty: set[str] = set()
    for round_ in range(ROUNDS):
        names = list(rules) if round_ % 2 else list(reversed(rules))
        more = [name for name in names if name not in empty and _mark(name, rules[name], empty)]
        if not more:
            break
    else:
        raise wrong("Too many of its rules hang together")
    begins = {name: _names(rule, first=empty) for name, rule in rules.items()}
    try:
        order = list(TopologicalSorter(begins).static_order())
    except CycleError as error:
        raise wrong(f"Rule `{error.args[1][0]}` begins with itself") from None
    nodes: dict[str, Node] = {}
    for name in order:
        nodes[name] = _node(rules[name], nodes)
    return nodes


def _node(item: Item, known: dict[str, Node]) -> Node:
    if isinstance(item, Node):
        return item
    if isinstance(item, Reference):
        # What stands behind the beginning may not be measured yet, and its ways do not count there.
        rule = known.get(item.name, ONE)
        return Node(1, rule.ways, rule.empty, rule.calls, rule.depth)
    if isinstance(item, Repeated):
        return _many(_node(item.item, known), item.least, item.most)
    parts = [_sequence([_node(part, known) for part in sequence]) for sequence in item.alternatives]
    return Node(
        sum(part.size + 1 for part in parts),
        _limited(sum(part.ways for part in parts)),
        _limited(sum(part.empty for part in parts)),
        1 + sum(part.calls for part in parts),
        1 + max(part.depth for part in parts),
    )


def _sequence(parts: Sequence[Node]) -> Node:
    ways, reached, calls, depth = 0, 1, 0, 0
    for part in parts:
        if reached:
            ways, calls = ways + reached * part.ways, calls + part.calls
            depth = max(depth, part.depth)
        reached = _limited(reached * part.empty)
    return Node(sum(part.size for part in parts), _limited(ways + reached), reached, calls, depth)


def _many(item: Node, least: int, most: int | None) -> Node:
    optional = 1 if most is None else most - least
    # Each of the optional ones is a rule of its own: the item, the next such rule, or nothing.
    rounds = (2 if most is None else optional) if item.empty else 1
    chain = Node(
        (item.size + 3) * optional,
        _limited(rounds * (item.ways + 1)),
        1,
        rounds * (item.calls + 1),
        item.depth + rounds,
    )
    repeats = least if item.empty else min(least, 1)
    required = Node(
        item.size * least,
        _limited(item.ways * max(repeats, 1) if least else 1),
        _limited(item.empty**repeats if item.empty <= 1 else MOST_WAYS + 1) if least else 1,
        item.calls * repeats,
        item.depth if least else 0,
    )
    return _sequence([required, chain] if optional else [required])


def _limited(count: int) -> int:
    """Large enough to be refused, small enough to be multiplied."""
    return min(count, MOST_WAYS + 1)
