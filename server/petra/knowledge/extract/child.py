"""An extraction child: reads requests from stdin, one JSON line each, and answers in JSON lines.

It opens untrusted files, so it limits itself before the first one, has an empty environment and no
way to write; before it parses a binary file it gives up whatever is left (`confine`). Requests:
{op: "extract", path, name, forms}, {op: "render", path, name, page, width} and {op: "place", name,
language, text, offset}, of a text that is open. Answers: any number of
{piece} and {symbols}, then one of {done}, {refer}, {error}. See `extractor` for the parent.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from petra import platform
from petra.errors import PetraError, UnreadableDocument
from petra.knowledge import ignore, reasons
from petra.knowledge.chunking import CountTokens, chunk
from petra.knowledge.extract import confine, definitions, kinds, sniff
from petra.knowledge.extract.document import Document, LeftOut, damaged

MiB = 1024 * 1024
OPEN_FILES = 32
MOST_PIECES = 50_000
"""Passages of one document. The largest text makes 42,000; a megabyte of headings would make 200,000."""
_CODES: dict[type[PetraError], str] = {
    sniff.NotText: "not_text",
    sniff.EmptyText: "empty_text",
    LeftOut: "left_out",
}
"""Errors that the parent tells apart by more than their own code."""


def main() -> None:
    """Limit this process, then answer until stdin ends."""
    options = _options()
    count_tokens = _counter(options.tokenizer)
    options.additive = _additive(options.tokenizer)
    if options.idle:
        platform.enter_idle_class()
    platform.die_first()
    platform.limit_process(memory=options.memory, open_files=OPEN_FILES)
    confine.to_reading()
    for line in sys.stdin.buffer:
        platform.limit_time(options.seconds)
        for answer in _answers(json.loads(line), options, count_tokens):
            sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()
        platform.limit_time(0)


def _options() -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("--tokenizer")
    parser.add_argument("--idle", action="store_true")
    parser.add_argument("--seconds", type=float, required=True)
    for name in ("--memory", "--pages", "--text", "--chunk-size", "--chunk-overlap", "--source-size"):
        parser.add_argument(name, type=int, required=True)
    return parser.parse_args()


def _counter(tokenizer: str | None) -> CountTokens:
    """Counts tokens as the embedder does, or estimates them (a token for 3 bytes) when nobody knows how:
    the embedder is an address, or its files are still on their way."""
    if not tokenizer or not Path(tokenizer).is_file():
        return lambda texts: [len(text.encode()) // 3 + 1 for text in texts]
    from tokenizers import Tokenizer

    model = Tokenizer.from_file(tokenizer)
    model.no_truncation()
    model.no_padding()

    def count(texts: Sequence[str]) -> list[int]:
        return [len(item) for item in model.encode_batch_fast(list(texts), add_special_tokens=False)]

    return count


def _additive(tokenizer: str | None) -> bool:
    """Whether no token of this tokenizer spans two words: those of lines then add up to those of the text."""
    if not tokenizer or not Path(tokenizer).is_file():
        return False
    splitter = json.loads(Path(tokenizer).read_bytes()).get("pre_tokenizer") or {}
    return splitter.get("type") in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")


def _answers(
    request: dict[str, Any], options: Namespace, count_tokens: CountTokens
) -> Iterator[dict[str, Any]]:
    try:
        if request["op"] == "render":
            yield {"done": _render(request, options)}
        elif request["op"] == "place":
            yield {"done": _place(request)}
        else:
            yield from _extract(request, options, count_tokens)
    except PetraError as error:
        code = _CODES.get(type(error), error.code)
        yield {"error": [code, error.what, error.cause, error.remedy]}
    except MemoryError:
        yield {"error": ["memory", "", "", ""]}
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else "The system refused"
        what = f"{request['name']} cannot be opened"
        yield {"error": ["unreadable_document", what, cause, "Check that the file is there and readable"]}


def _render(request: dict[str, Any], options: Namespace) -> dict[str, Any]:
    from petra.knowledge.extract import pdf

    with _open(request["path"]) as file:
        content = file.read()
    pdf.prepare()
    confine.to_fonts()
    picture = pdf.render(content, request["name"], request["page"], request["width"])
    return {"png": base64.b64encode(picture).decode()}


def _place(request: dict[str, Any]) -> list[Any] | None:
    from petra.knowledge.syntax import languages, place

    text = request["text"]
    given = request["language"] if request["language"] in languages.LANGUAGES else None
    language = languages.of(request["name"], text) or given
    found = place.at(text, request["offset"], language) if language else None
    return [found.zone, found.opens, found.announced] if found else None


def _extract(
    request: dict[str, Any], options: Namespace, count_tokens: CountTokens
) -> Iterator[dict[str, Any]]:
    name = request["name"]
    with _open(request["path"]) as file:
        form = sniff.form(file.read(1024))
        file.seek(0)
        if form not in request["forms"]:
            yield {"refer": form}
            return
        read = {"pdf": _pdf, "zip": _zip, "text": _text}[form]
        try:
            document, media_type = read(file, name, options)
        except (PetraError, MemoryError, OSError):
            raise
        except Exception as error:  # a reader's own mistake must not pass for a lack of memory
            raise damaged(name, "a document") from error
    _refuse_what_is_left_out(document, name, made_too=request["made_too"] or form != "text")
    notice = document.notice
    blocks = definitions.as_source(document.blocks, name, media_type)
    outlines = definitions.outlined(blocks, name, media_type)
    pieces = chunk(
        blocks,
        count_tokens,
        options.chunk_size,
        options.chunk_overlap,
        outlines=outlines,
        source_size=options.source_size,
        additive=options.additive,
    )
    for piece in pieces[:MOST_PIECES]:
        yield {"piece": [piece.header, piece.text, piece.overlap, piece.gap, piece.pages, piece.lines]}
    if found := definitions.symbols(blocks, outlines):
        yield {"symbols": found}
    if len(pieces) > MOST_PIECES:
        less = f"Only the first {MOST_PIECES:,} of {len(pieces):,} passages are kept"
        notice = "; ".join(filter(None, (notice, less)))
    yield {"done": {"media_type": media_type, "pages": document.pages, "notice": notice}}


def _refuse_what_is_left_out(document: Document, name: str, *, made_too: bool) -> None:
    """Raises LeftOut for a text that holds a secret or, unless it was chosen, was made by a program."""
    if reason := ignore.why_text("\n".join(block.text for block in document.blocks), name, made_too=made_too):
        raise LeftOut(
            f"{name} was not read", cause=reasons.sentence(reason), remedy=reasons.remedy(reason, name)
        )


def _pdf(file: BinaryIO, name: str, options: Namespace) -> tuple[Document, str]:
    from petra.knowledge.extract import pdf

    content = file.read()
    confine.to_nothing()
    return pdf.read(content, name, page_limit=options.pages, text_limit=options.text), sniff.PDF


def _zip(file: BinaryIO, name: str, options: Namespace) -> tuple[Document, str]:
    confine.to_nothing()
    return kinds.zipped(file, name, page_limit=options.pages, text_limit=options.text)


def _text(file: BinaryIO, name: str, options: Namespace) -> tuple[Document, str]:
    media_type = sniff.text_type(name)
    # Pictures in a notebook are text, of which nothing is kept; one that is cut short is none.
    limit = max(options.text, ignore.LARGEST_NOTEBOOK) if media_type == sniff.NOTEBOOK else options.text
    content = file.read(limit + 1)
    less = f"Only the first {limit / MiB:.0f} MiB were read" if len(content) > limit else None
    document = kinds.text(sniff.read_text(content[:limit], name), name)
    notice = "; ".join(filter(None, (less, document.notice)))
    return replace(document, notice=notice or None), media_type


def _open(path: str) -> BinaryIO:
    """A regular file. A link in its place since it was found is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    file = os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UnreadableDocument("This is not a regular file", remedy="Choose a file")
    return file


if __name__ == "__main__":
    main()
