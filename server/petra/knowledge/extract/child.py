"""An extraction child: reads requests from stdin, one JSON line each, and answers in JSON lines.

It opens untrusted files, so it limits itself before the first one, has an empty environment and no
way to write. Requests: {op: "extract", path, name, forms} and {op: "render", path, name, page, width}.
Answers: any number of {piece}, then one of {done}, {refer}, {error}. See `extractor` for the parent.
"""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from petra import platform
from petra.errors import PetraError, UnreadableDocument
from petra.knowledge.blocks import Block
from petra.knowledge.chunking import CountTokens, chunk
from petra.knowledge.extract import sniff, text

MiB = 1024 * 1024
OPEN_FILES = 32
MOST_PIECES = 50_000
"""Passages of one document. The largest text makes 42,000; a megabyte of headings would make 200,000."""
_CODES: dict[type[PetraError], str] = {sniff.NotText: "not_text", sniff.EmptyText: "empty_text"}
"""Errors that the parent tells apart by more than their own code."""


def main() -> None:
    """Limit this process, then answer until stdin ends."""
    options = _options()
    count_tokens = _counter(options.tokenizer)
    if options.idle:
        platform.enter_idle_class()
    platform.die_first()
    platform.limit_process(memory=options.memory, open_files=OPEN_FILES)
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
    for name in ("--memory", "--pages", "--text", "--chunk-size", "--chunk-overlap"):
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


def _answers(
    request: dict[str, Any], options: Namespace, count_tokens: CountTokens
) -> Iterator[dict[str, Any]]:
    try:
        if request["op"] == "render":
            yield {"done": _render(request, options)}
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

    content = _read(request["path"], sys.maxsize)
    picture = pdf.render(content, request["name"], request["page"], request["width"])
    return {"png": base64.b64encode(picture).decode()}


def _extract(
    request: dict[str, Any], options: Namespace, count_tokens: CountTokens
) -> Iterator[dict[str, Any]]:
    name, path = request["name"], request["path"]
    form = sniff.form(_read(path, 1024))
    if form not in request["forms"]:
        yield {"refer": form}
        return
    blocks, about = (_pdf if form == "pdf" else _text)(path, name, options)
    pieces = chunk(blocks, count_tokens, options.chunk_size, options.chunk_overlap)
    for piece in pieces[:MOST_PIECES]:
        yield {"piece": [piece.header, piece.text, piece.overlap, piece.pages, piece.lines]}
    if len(pieces) > MOST_PIECES:
        less = f"Only the first {MOST_PIECES:,} of {len(pieces):,} passages are kept"
        about["notice"] = "; ".join(filter(None, (about["notice"], less)))
    yield {"done": about}


def _pdf(path: str, name: str, options: Namespace) -> tuple[list[Block], dict[str, Any]]:
    from petra.knowledge.extract import pdf

    found = pdf.read(_read(path, sys.maxsize), name, page_limit=options.pages, text_limit=options.text)
    return found.blocks, {"media_type": "application/pdf", "pages": found.pages, "notice": found.notice}


def _text(path: str, name: str, options: Namespace) -> tuple[list[Block], dict[str, Any]]:
    content = _read(path, options.text + 1)
    notice = None
    if len(content) > options.text:
        content = content[: options.text]
        notice = f"Only the first {options.text / MiB:.0f} MiB were read"
    found = sniff.read_text(content, name)
    return text.read(found), {"media_type": found.media_type, "pages": None, "notice": notice}


def _read(path: str, limit: int) -> bytes:
    """The first `limit` bytes of a regular file. A link in its place since it was found is refused."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise UnreadableDocument("This is not a regular file", remedy="Choose a file")
        return file.read(min(limit, os.fstat(file.fileno()).st_size))


if __name__ == "__main__":
    main()
