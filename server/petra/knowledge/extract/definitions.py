"""Outlines of a document's source text and, from them and from its headings, what it defines. Only for
extraction children."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from petra.knowledge.blocks import Block, Outline
from petra.knowledge.extract import sniff
from petra.knowledge.syntax import languages

Symbol = tuple[str, str, str, int, int]
"""Name, kind, scope, first and last line."""

MOST = 20_000
LONGEST_NAME = 200
_HEADED = "section"


def outlined(blocks: Sequence[Block], name: str, media_type: str) -> list[Outline | None]:
    """What a parser knows of each block; None for prose, for languages that have no grammar, and where
    parsing takes too long: such text is cut by its lines."""
    return [_outline(block, name, media_type) if block.kind == "source" else None for block in blocks]


def as_source(blocks: Sequence[Block], name: str, media_type: str) -> list[Block]:
    """The same blocks, those of a program whose name does not tell as source."""
    if media_type != "text/plain" or len(blocks) != 1 or languages.of(name, blocks[0].text) is None:
        return list(blocks)
    (block,) = blocks
    return [Block(text=block.text, kind="source", line=block.line)]


def symbols(blocks: Sequence[Block], outlines: Sequence[Outline | None]) -> list[Symbol]:
    """What the blocks define, in the order of the text, where it has lines."""
    found: list[Symbol] = []
    for block, outline in zip(blocks, outlines, strict=True):
        if block.line is None:
            continue
        if outline:
            found += _defined(block, block.line, outline)
        elif block.header and block.kind == "prose":
            scope, _, title = block.header.rpartition(" › ")
            last = block.line + block.text.rstrip().count("\n")
            if found and found[-1][:3] == (title, _HEADED, scope):
                found[-1] = (*found[-1][:4], last)
            else:
                found.append((title[:LONGEST_NAME], _HEADED, scope, block.line, last))
    return found[:MOST]


def _defined(block: Block, line: int, outline: Outline) -> Iterator[Symbol]:
    for item in outline.definitions:
        if item.kind != "container":
            scope = " › ".join(filter(None, (block.header, item.scope)))
            yield item.name[:LONGEST_NAME], item.kind, scope, line + item.first, line + item.last


def _outline(block: Block, name: str, media_type: str) -> Outline | None:
    # The cells of most notebooks are Python; in another language they are cut a little worse.
    given = "python" if media_type == sniff.NOTEBOOK else languages.of(name, block.text)
    language = block.language or given
    if language is None:
        return None
    from petra.knowledge.syntax.outline import outline

    try:
        return outline(block.text, language)
    except Exception:
        # Whatever a strange text does to it: cutting by lines always works.
        return None
