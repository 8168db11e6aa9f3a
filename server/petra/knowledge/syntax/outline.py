"""From a syntax tree to what the chunker and the table of symbols need, as plain data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node, Tree

from petra.knowledge.blocks import Definition, Outline, Span
from petra.knowledge.syntax import grammars

SMALL = 4
"""Rows; a smaller node is never cut at its children."""
DEEPEST = 100
MOST_DEFINITIONS = 20_000
LONGEST_NAME = 80
LONGEST_DOC = 120

_HOLDS_METHODS = frozenset({"class", "interface", "struct", "enum", "trait", "object", "container"})
_REPEATED = frozenset({"haskell"})
"""Languages in which a definition goes on under the same name."""
_LEADING = ("comment", "decorator", "attribute_item", "attribute_list", "annotation", "haddock")
_COMMENTS = ("comment", "haddock")
_WRAPPERS = frozenset({"decorated_definition", "export_statement", "template_declaration"})
_OUTWARD = 3
_SEPARATOR = re.compile(r"::|\.|:")
_BLANK = re.compile(r"\s+")
_MARKS = " \t/*!#%;-|<\"'({^"
_ENDS = " \t*/\"'}"
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]{0,40}>")
_NO_DOC = re.compile(r"(?:@|\\|:|=|bin/|usr/bin/|region\b|noqa|eslint|pylint|type:|pragma\b)", re.IGNORECASE)


@dataclass
class _Found:
    """A definition or container as it was matched."""

    node: Node
    pattern: int
    kind: str
    name: str
    scope: str
    doc: Node | None


def outline(text: str, language: str, seconds: float = grammars.SECONDS) -> Outline | None:
    """The outline of a source text; None when it is too large or could not be parsed in `seconds`."""
    content = text.encode()
    tree = grammars.parse(content, language, seconds)
    if tree is None:
        return None
    definitions, parents = _nested(content, _found(content, tree, language), language)
    top = tree.root_node
    root = Span(0, _end(top), opens=True, children=_children(content, top, 0))
    return Outline(root, definitions, parents)


def _children(content: bytes, node: Node, depth: int) -> tuple[Span, ...]:
    """Spans of a node's children, where the node is large enough to be cut."""
    if _end(node) - node.start_point.row <= SMALL or depth > DEEPEST:
        return ()
    spans: list[Span] = []
    led = -1
    for child in node.named_children:
        start, end = child.start_point.row, _end(child)
        first = _first_on_row(content, child)
        spans.append(Span(start, end, first and start != led, _children(content, child, depth + 1)))
        led = end if first and child.type.endswith(_LEADING) else -1
    return tuple(spans)


def _found(content: bytes, tree: Tree, language: str) -> list[_Found]:
    """What the tags match, in the order of the text, the outer one first; one for each name."""
    by_name: dict[tuple[int, int], _Found] = {}
    for pattern, match in grammars.matches(tree, language):
        kinds = [name for name in match if name.startswith(("definition.", "container"))]
        if not kinds or "name" not in match:
            continue
        node, name = match[kinds[0]][0], match["name"][0]
        found = _Found(
            node=node,
            pattern=pattern,
            kind=kinds[0].removeprefix("definition."),
            name=_text(content, name),
            scope=_text(content, match["scope"][0]) if "scope" in match else "",
            doc=match["doc"][0] if "doc" in match else None,
        )
        key = (name.start_byte, name.end_byte)
        known = by_name.get(key)
        # The query's earlier patterns say more; of one pattern, the match that has a description.
        if known is None or (pattern, found.doc is None) < (known.pattern, known.doc is None):
            by_name[key] = found
        if len(by_name) >= MOST_DEFINITIONS:
            break
    return sorted(by_name.values(), key=lambda item: (item.node.start_byte, -item.node.end_byte))


def _nested(
    content: bytes, found: Sequence[_Found], language: str
) -> tuple[tuple[Definition, ...], tuple[int, ...]]:
    """Definitions with their scopes, and for each the place of the one that it stands in."""
    definitions: list[Definition] = []
    parents: list[int] = []
    kinds: list[str] = []
    around: list[tuple[int, int]] = []  # end in bytes, place
    for item in found:
        while around and around[-1][0] < item.node.end_byte:
            around.pop()
        parent = around[-1][1] if around else -1
        *qualifiers, name = [part for part in _SEPARATOR.split(item.name) if part] or [item.name]
        if language in ("css", "html", "latex", "json", "yaml", "toml"):
            qualifiers, name = [], item.name
        scopes = [definitions[parent].path if parent >= 0 else "", item.scope, *qualifiers]
        kind = item.kind
        if kind == "function" and (
            item.scope or qualifiers or (parent >= 0 and kinds[parent] in _HOLDS_METHODS)
        ):
            kind = "method"
        if not name:
            continue
        lead, doc, doc_row = _description(content, item)
        made = Definition(
            name=name,
            kind=kind,
            scope=" › ".join(filter(None, scopes)),
            first=item.node.start_point.row,
            last=max(_end(item.node) - 1, item.node.start_point.row),
            lead=lead,
            doc=doc,
            doc_row=doc_row,
        )
        definitions.append(made)
        parents.append(parent)
        kinds.append(kind)
        around.append((item.node.end_byte, len(definitions) - 1))
    if language in _REPEATED:
        return _continued(definitions, parents)
    return tuple(definitions), tuple(parents)


def _continued(
    definitions: Sequence[Definition], parents: Sequence[int]
) -> tuple[tuple[Definition, ...], tuple[int, ...]]:
    """The same, with the equations of one function made one definition."""
    kept: list[Definition] = []
    kept_parents: list[int] = []
    places: list[int] = []
    for definition, parent in zip(definitions, parents, strict=True):
        before = kept[-1] if kept else None
        if before and (before.path, before.kind) == (definition.path, definition.kind):
            kept[-1] = replace(before, last=definition.last)
        else:
            kept.append(definition)
            kept_parents.append(places[parent] if parent >= 0 else -1)
        places.append(len(kept) - 1)
    return tuple(kept), tuple(kept_parents)


def _description(content: bytes, item: _Found) -> tuple[int, str, int]:
    """The first row of the comments that belong to a definition, the first line of what describes it,
    and the row of that (-1 without)."""
    outer = item.node
    for _ in range(_OUTWARD):
        parent = outer.parent
        if parent is None or parent.parent is None:
            break
        first = outer.prev_named_sibling is None and parent.start_point.row == outer.start_point.row
        if not first and parent.type not in _WRAPPERS:
            break
        outer = parent
    lead, comments = outer.start_point.row, []
    sibling = outer.prev_named_sibling
    while sibling is not None and sibling.type.endswith(_LEADING) and _end(sibling) == lead:
        if not _first_on_row(content, sibling):
            break
        lead = sibling.start_point.row
        comments.append(sibling)
        sibling = sibling.prev_named_sibling
    lead = min(lead, item.node.start_point.row)
    described = (
        [item.doc] if item.doc else [node for node in reversed(comments) if node.type.endswith(_COMMENTS)]
    )
    for node in described:
        for number, line in enumerate(_raw(content, node).split("\n")):
            if words := _doc_line(line):
                return lead, words, node.start_point.row + number
    return lead, "", -1


def _doc_line(line: str) -> str:
    """A line of a comment or docstring without its marks; "" when it describes nothing."""
    words = _MARKUP.sub("", line.strip().removesuffix("*)")).strip(_MARKS).rstrip(_ENDS)
    if _NO_DOC.match(words) or not any(map(str.isalpha, words)):
        return ""
    return _BLANK.sub(" ", words)[:LONGEST_DOC]


def _text(content: bytes, node: Node) -> str:
    """A name on one line, without quotes."""
    return _BLANK.sub(" ", _raw(content, node)).strip(" \"'`{}")[:LONGEST_NAME]


def _raw(content: bytes, node: Node) -> str:
    return content[node.start_byte : node.end_byte].decode(errors="replace")


def _first_on_row(content: bytes, node: Node) -> bool:
    return not content[node.start_byte - node.start_point.column : node.start_byte].strip()


def _end(node: Node) -> int:
    """The row after its last."""
    end = node.end_point
    return max(end.row + (end.column > 0), node.start_point.row + 1)
