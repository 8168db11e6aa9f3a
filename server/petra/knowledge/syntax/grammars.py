"""Grammars and queries: the one place that knows tree-sitter. Only for extraction children: a parser is
native code on untrusted text.

The grammars lie inside the install and each is loaded when it is first needed.
"""

from __future__ import annotations

import time
from functools import cache
from importlib.resources import files
from typing import cast

from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree
from tree_sitter_language_pack import SupportedLanguage, get_language

Match = dict[str, list[Node]]

LARGEST = 1 << 20
"""Bytes. Larger source text is data or generated; parsing it would take memory rather than tell much."""
SECONDS = 2.0
_SAMPLES = 64
_OUTWARD = 8
_MOST_IN_ERROR = 5_000
_PORTION = 1 << 16


@cache
def grammar(language: str) -> Language:
    """The grammar of a language in `languages.LANGUAGES`."""
    return get_language(cast(SupportedLanguage, language))


@cache
def tags(language: str) -> Query:
    """The query for what a text of this language defines, from `tags/LANGUAGE.scm`. Its captures:
    `@definition.KIND` and `@name`; `@scope` for a name that the definition stands under without standing
    in it; `@container` in place of a definition for what only gives its name to what stands in it; `@doc`
    for a description inside."""
    query = (files("petra.knowledge.syntax") / "tags" / f"{language}.scm").read_text(encoding="utf-8")
    return Query(grammar(language), query)


def parse(content: bytes, language: str, seconds: float = SECONDS) -> Tree | None:
    """The syntax tree of UTF-8 text, or None when that takes too long or too much."""
    if len(content) > LARGEST:
        return None
    late = time.monotonic() + seconds

    def portion(offset: int, _: object) -> bytes:
        return content[offset : offset + _PORTION]

    try:
        # Bytes given at once would be parsed without asking.
        return Parser(grammar(language)).parse(
            portion, encoding="utf8", progress_callback=lambda *_: time.monotonic() > late
        )
    except ValueError:
        return None


def matches(tree: Tree, language: str) -> list[tuple[int, Match]]:
    """What the tags of a language find in a tree, each with the number of its pattern; nothing in text that
    the grammar makes no sense of.

    It has no deadline of its own: a progress callback makes tree-sitter 0.26.1 read freed memory here. The
    size of what is parsed bounds it, and the child's deadline.
    """
    if _senseless(tree):
        return []
    return QueryCursor(tags(language)).matches(tree.root_node)


def _senseless(tree: Tree) -> bool:
    """Whether one error holds thousands of nodes: matching takes time by the square of their number (200,000
    brackets took 30 s). Going by some of the nodes: an error that none of them is in is a small one."""
    root = tree.root_node
    if not root.has_error:
        return False
    cursor = tree.walk()
    for sample in range(_SAMPLES):
        cursor.goto_descendant(root.descendant_count * sample // _SAMPLES)
        for _ in range(_OUTWARD):
            node = cursor.node
            if node and node.is_error and node.child_count > _MOST_IN_ERROR:
                return True
            if not cursor.goto_parent():
                break
    return False
