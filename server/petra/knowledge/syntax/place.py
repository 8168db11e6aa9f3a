"""What kind of place a cursor is at, from the syntax tree. For extraction children."""

from __future__ import annotations

import re

from tree_sitter import Node

from petra.knowledge.place import Place, Zone, quoted
from petra.knowledge.syntax import grammars

SECONDS = 0.05
"""Longer, and nobody waits for it any more."""

_INSIDE = ("interpolation", "template_substitution", "string_interpolation", "embedded_expression")
_OPENERS = frozenset({"do", "then", "begin", "else", "try", "repeat", "loop", "=>", "->", "ensure", "rescue"})
_DATA = re.compile(
    r"object|dict|set|pair|slice|literal|initializer|pattern|import|export|interpolation|substitution|"
    r"lambda|typed|annotation|subscript|conditional|struct_expression|mapping"
)
_PYTHON = re.compile(r"\s*(?:async|class|def|if|elif|else|for|while|try|except|finally|with|match|case)\b")
_BEFORE_DATA = re.compile(r"(?:[=(\[,:?]|\breturn)\s*\{$")
_LIST_END = frozenset({"parameters", "parameter_list", "formal_parameters", "method_parameters"})


def at(text: str, offset: int, language: str, seconds: float = SECONDS) -> Place | None:
    """The place before the character at `offset`; None when the text could not be parsed in time."""
    content = text.encode()
    tree = grammars.parse(content, language, seconds)
    if tree is None:
        return None
    before = text[:offset]
    point = len(before.encode())
    zone = _zone(content, _leaf(tree.root_node, point), point)
    if zone == "code" and tree.root_node.has_error and quoted(before.rpartition("\n")[2]):
        zone = "string"  # one that is not closed yet, which few grammars know
    written = before.rstrip()
    leaf = _leaf(tree.root_node, len(written.encode()))
    if zone != "code" or leaf is None:
        return Place(zone)
    if "comment" in leaf.type:
        return Place("code", announced=True)
    return Place("code", opens=_opens(leaf, written.rpartition("\n")[2], language))


def _leaf(root: Node, end: int) -> Node | None:
    """The smallest node that holds the byte before `end`."""
    return root.descendant_for_byte_range(end - 1, end) if end else None


def _zone(content: bytes, node: Node | None, point: int) -> Zone:
    """Whether `point` is inside a comment or a string; behind a closed one it is not."""
    while node is not None:
        kind = node.type
        if kind in _INSIDE:
            return "code"
        if node.is_named and "comment" in kind:
            own = content[node.start_byte : node.end_byte]
            ended = node.end_byte <= point and own.endswith((b"*/", b"-->", b"*)", b"-}", b"\n", b"]]"))
            return "code" if ended else "comment"
        if node.is_named and ("string" in kind or "char_literal" in kind) and "concatenated" not in kind:
            own = content[node.start_byte : node.end_byte]
            part = "content" in kind or "fragment" in kind or "start" in kind
            ended = node.end_byte <= point and (kind.endswith("end") or _closed(own))
            if part or not ended:
                return "string"
        node = node.parent
    return "code"


def _closed(own: bytes) -> bool:
    return len(own) > 1 and own[-1:] in b"\"'`"


def _opens(leaf: Node, line: str, language: str) -> bool:
    """Whether the token before the cursor opens a block of statements, not a piece of data."""
    kind, parent = leaf.type, leaf.parent
    around = parent.type if parent else ""
    if kind == ":":
        return language == "python" and bool(_PYTHON.match(line)) and not _DATA.search(around)
    if kind == "{":
        return not _DATA.search(around) and not _BEFORE_DATA.search(line)
    if kind in _OPENERS:
        return True
    # Languages whose blocks open with the head alone: `def name(args)`, `function name()`.
    head = language in ("ruby", "lua", "julia", "matlab") and around in _LIST_END | {"method", "ERROR"}
    return head and bool(re.match(r"\s*(?:local\s+)?(?:def|function|class|module)\b", line))
