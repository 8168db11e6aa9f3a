"""Whether a grammar in GBNF can be handed to llama.cpp, decided before its parser sees it.

That parser recurses with every parenthesis, its test for left recursion takes exponential time, `{3,1}` and
the repetition of long literals fill all memory, and hidden left recursion never ends: the worker would be
gone.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter

from petra.inference.worker.llamacpp.gbnf_syntax import Choice, Item, Reader, Reference, Repeated, Text, wrong

LONGEST = 64 * 1024
# Elements after repetitions are written out: 8 bytes each, three times over.
MOST_ELEMENTS = 200_000
# Ways to go on from one place: each is a stack that every candidate is tried on.
MOST_WAYS = 5000
# Calls of llama.cpp's recursive test for left recursion, and how deep they go.
MOST_CALLS = 2_000_000
MOST_CALLS_DEEP = 500
# Passes over the rules to find those that may be empty.
ROUNDS = 50


@dataclass(frozen=True)
class Node:
    """What is known of an expression: elements, ways to begin it, ways to leave it empty, and how many
    rules are looked at, and how deep, to find what it can begin with."""

    size: int
    ways: int
    empty: int
    calls: int = 0
    depth: int = 0


ONE = Node(1, 1, 0)


@lru_cache(maxsize=4)
def check(grammar: str) -> int:
    """The most ways to go on from one place. Raises BadRequest for what is no grammar, and for what would
    cost more than an answer is worth."""
    if len(grammar.encode("utf-8", "replace")) > LONGEST:
        raise wrong(f"It is longer than {LONGEST // 1024} KiB")
    if "\0" in grammar:
        raise wrong("It has a NUL character")
    try:
        rules = Reader(grammar).rules()
        missing = sorted({name for rule in rules.values() for name in _names(rule)} - rules.keys())
        if missing or "root" not in rules:
            raise wrong(f"There is no rule `{missing[0] if missing else 'root'}`")
        nodes = _measure(rules)
    except RecursionError:
        raise wrong("It is nested too deeply") from None
    ways = {name: max(nodes[name].ways, _widest(rule, nodes)) for name, rule in rules.items()}
    for name, count in ways.items():
        if count > MOST_WAYS:
            raise wrong(f"Rule `{name}` can go on in too many ways")
    if sum(node.size for node in nodes.values()) > MOST_ELEMENTS:
        raise wrong("Its repetitions make it too large")
    deepest = max(node.depth for node in nodes.values())
    if deepest > MOST_CALLS_DEEP or sum(node.calls for node in nodes.values()) > MOST_CALLS:
        raise wrong("Too many of its rules begin with other rules")
    return max(ways.values())


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
    if isinstance(item, Text):
        return item.size == 0
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
    if isinstance(item, Text):
        return Node(item.size, 1, 0 if item.size else 1)
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


def _widest(item: Item, known: dict[str, Node]) -> int:
    """In how many ways an item can go on from the place where there are most."""
    if isinstance(item, Repeated):
        return _widest(item.item, known)
    if not isinstance(item, Choice):
        return 0
    most = 0
    for sequence in item.alternatives:
        ways = 1
        for part in reversed(sequence):
            node = _node(part, known)
            ways = _limited(node.ways + node.empty * ways)
            most = max(most, ways, _widest(part, known))
    return most


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
