"""XML as a stream of elements, by expat, for documents that nobody trusts: no entities, no external
files, no tree in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from xml.parsers import expat

from petra.errors import UnreadableDocument
from petra.knowledge.extract.document import damaged, refused

DEEPEST = 1000
"""Elements inside each other. Word nests tables, text boxes and fields some forty deep."""


class Handler(Protocol):
    """Is told of elements by their local names. Attributes have theirs too, but for those of relations
    (`r:id`), which would be taken for others."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""

    def end(self, tag: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        """A stretch of character data, perhaps not the whole of it."""


class Enough(Exception):
    """Raised by a handler that needs no more of the part."""


def parse(pieces: Iterable[bytes], handler: Handler, name: str) -> None:
    """Tell `handler` of a part. Raises UnreadableDocument: damaged, entities, nested too deep."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.buffer_size = 64 * 1024
    names: dict[str, str] = {}
    depth = 0

    def start(tag: str, given: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise refused(name, f"Its parts are nested more than {DEEPEST:,} deep")
        handler.start(
            names.get(tag) or names.setdefault(tag, _local(tag)),
            {names.get(key) or names.setdefault(key, _attribute(key)): value for key, value in given.items()},
        )

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(names[tag])

    def refuse(*_: object) -> int:
        raise refused(name, "It defines entities, which can unpack without end or ask for other files")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        for piece in pieces:
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except Enough:
        return
    except UnreadableDocument:
        raise
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise damaged(name, "a document") from error


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def _attribute(key: str) -> str:
    space, _, local = key.rpartition(" ")
    return f"r:{local}" if space.endswith("/relationships") else local
