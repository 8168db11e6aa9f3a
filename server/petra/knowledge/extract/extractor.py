"""Files to chunks without ever parsing one here: the parent's side of the extraction children."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from petra.errors import PetraError
from petra.knowledge.blocks import embedded_text
from petra.knowledge.chunking import VERSION
from petra.knowledge.extract.process import Child
from petra.storage.chunks import NewChunk
from petra.storage.symbols import NewSymbol

T = TypeVar("T")
Answers = list[dict[str, Any]] | PetraError
"""What a child says to one request, or why it says nothing."""

MiB = 1024 * 1024
CHILDREN = 2
READERS = 2
"""Children for texts, of each class; the second one is started when the first has enough to do."""
REST = 60.0
"""Seconds without work after which such a child is ended."""
SOURCE_SIZE = 230
"""Tokens of a chunk of source text, header included: with its two marks it fits an embedder of 256."""
WIDEST = 2400

File = tuple[Path, str]
"""A file, and the name that is shown in errors and tells kinds of text apart."""


@dataclass(frozen=True)
class Extracted:
    """A document as chunks, and what it defines. `notice` tells the person what was left out, for example
    pages past the cap."""

    media_type: str
    pages: int | None
    notice: str | None
    chunks: list[NewChunk]
    symbols: list[NewSymbol]


class Extractor:
    """Runs extraction in children: one for each binary file, long-lived ones for texts, batch by batch.

    `tokenizer` is the embedder's tokenizer.json, None when it is not known (tokens are then estimated).
    Limits are for one document: `memory` in bytes, `timeout` in seconds, `page_limit` in pages,
    `text_limit` in bytes.
    """

    def __init__(
        self,
        *,
        tokenizer: Path | None,
        chunk_size: int,
        chunk_overlap: int,
        memory: int = 1024 * MiB,
        timeout: float = 60.0,
        page_limit: int = 2000,
        text_limit: int = 20 * MiB,
        source_size: int = SOURCE_SIZE,
    ) -> None:
        self._timeout = timeout
        self.chunker = f"{VERSION} {chunk_size} {chunk_overlap} {source_size}"
        """Names what makes chunks of a document: of another one, they would be others."""
        numbers = {
            "--memory": memory,
            "--seconds": timeout,
            "--pages": page_limit,
            "--text": text_limit,
            "--chunk-size": chunk_size,
            "--chunk-overlap": chunk_overlap,
            "--source-size": source_size,
        }
        self._arguments = [word for name, number in numbers.items() for word in (name, str(number))]
        self._tokenizer = ["--tokenizer", str(tokenizer)] if tokenizer else []
        self._places = asyncio.Semaphore(CHILDREN)
        self._turns = {idle: asyncio.Semaphore(READERS) for idle in (True, False)}
        self._readers: dict[bool, list[tuple[Child, float]]] = {True: [], False: []}
        self._timer: asyncio.TimerHandle | None = None
        self._threads = ThreadPoolExecutor(CHILDREN + READERS, thread_name_prefix="extract")

    @property
    def arguments(self) -> list[str]:
        """What a child is started with that has no tokens to count."""
        return list(self._arguments)

    async def extract(self, path: Path, name: str) -> Extracted:
        """The chunks of a file that a person has chosen. `name` is shown in errors and tells kinds of text
        apart.

        Raises UnreadableDocument: encrypted, damaged, without text, binary, empty, too large, with secrets.
        """
        (found,) = await self.extract_many([(path, name)], made_too=True)
        if isinstance(found, PetraError):
            raise found
        return found

    async def extract_many(
        self, files: Sequence[File], *, made_too: bool = False, idle: bool = True
    ) -> list[Extracted | PetraError]:
        """The chunks of each file, or why there are none (LeftOut: it holds a secret or, without `made_too`,
        was made by a program). Texts are read one after the other in one child; calls at the same time have
        a child each, up to two. `idle` leaves the CPU to everybody else: beside a model that writes, it would
        take minutes where somebody waits."""
        requests = [
            {"op": "extract", "path": str(path), "name": name, "made_too": made_too} for path, name in files
        ]
        answers = await self._read([{**request, "forms": ["text"]} for request in requests], idle)
        binary = [
            place
            for place, answer in enumerate(answers)
            if isinstance(answer, list) and "refer" in answer[-1]
        ]
        others = await asyncio.gather(
            *(self._alone({**requests[place], "forms": [_form(answers[place])]}, idle) for place in binary)
        )
        for place, answer in zip(binary, others, strict=True):
            answers[place] = answer
        return await self._run(_all_extracted, answers)

    async def render_page(self, path: Path, name: str, page: int, width: int) -> bytes:
        """Page `page` (from 1) of a PDF as PNG, `width` pixels wide, at most 2400.

        Raises UnreadableDocument, and BadRequest for a page that it does not have.
        """
        request = {
            "op": "render",
            "path": str(path),
            "name": name,
            "page": page,
            "width": max(16, min(width, WIDEST)),
        }
        answers = await self._alone(request, idle=False)
        if isinstance(answers, PetraError):
            raise answers
        return base64.b64decode(answers[-1]["done"]["png"])

    async def close(self) -> None:
        """End the children."""
        if self._timer:
            self._timer.cancel()
        for readers in self._readers.values():
            while readers:
                await self._run(readers.pop()[0].end)
        self._threads.shutdown(wait=False)

    async def _read(self, requests: Sequence[Mapping[str, Any]], idle: bool) -> list[Answers]:
        """What a long-lived child answers, a new one where a file has ended the last."""
        answers: list[Answers] = []
        readers = self._readers[idle]
        async with self._turns[idle]:
            while len(answers) < len(requests):
                child = readers.pop()[0] if readers else await self._start(idle=idle)
                try:
                    answers += await self._ask(child, child.ask_each, requests[len(answers) :])
                finally:
                    if child.alive:
                        readers.append((child, time.monotonic()))
                        self._end_later()
                    else:
                        await self._run(child.end)
        return answers

    def _end_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REST, self._end_resting)

    def _end_resting(self) -> None:
        """End the children that have had nothing to do for a while: each takes as much as a small model."""
        self._timer = None
        old = time.monotonic() - REST
        for readers in self._readers.values():
            resting = [item for item in readers if item[1] <= old]
            readers[:] = [item for item in readers if item[1] > old]
            for child, _ in resting:
                self._threads.submit(child.end)
        if any(self._readers.values()):
            self._end_later()

    async def _alone(self, request: Mapping[str, Any], idle: bool) -> Answers:
        """What a child answers that lives for one request."""
        async with self._places:
            child = await self._start(idle=idle)
            try:
                (answer,) = await self._ask(child, child.ask_each, [request])
            finally:
                await self._run(child.end)
        return answer

    async def _start(self, *, idle: bool) -> Child:
        arguments = [*self._arguments, *self._tokenizer, *(["--idle"] if idle else [])]
        starting = asyncio.ensure_future(self._run(Child, arguments, self._timeout))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread starts it all the same.
            await self._run((await starting).end)
            raise

    async def _ask(self, child: Child, ask: Callable[..., T], requests: Sequence[Mapping[str, Any]]) -> T:
        """All answers of a child, which is ended when the caller is cancelled."""
        running = asyncio.ensure_future(self._run(ask, requests))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await self._run(child.end)
            await asyncio.wait([running])
            running.exception()
            raise

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _form(answers: Answers) -> str:
    """The form of a file that needs a child of its own."""
    return "" if isinstance(answers, PetraError) else str(answers[-1]["refer"])


def _all_extracted(answers: Sequence[Answers]) -> list[Extracted | PetraError]:
    return [answer if isinstance(answer, PetraError) else _extracted(answer) for answer in answers]


def _extracted(answers: list[dict[str, Any]]) -> Extracted:
    *parts, last = answers
    done = last["done"]
    chunks, symbols = [], []
    for name, kind, scope, first, end in (item for part in parts for item in part.get("symbols", ())):
        symbols.append(NewSymbol(str(name), str(kind), str(scope), (int(first), int(end))))
    for ordinal, piece in enumerate(part["piece"] for part in parts if "piece" in part):
        header, text, overlap, gap, pages, lines = piece
        chunks.append(
            NewChunk(
                ordinal=ordinal,
                header=str(header),
                text=str(text),
                pages=(int(pages[0]), int(pages[1])) if pages else None,
                lines=(int(lines[0]), int(lines[1])) if lines else None,
                text_hash=text_hash(str(header), str(text)),
                overlap=int(overlap),
                gap=str(gap),
            )
        )
    return Extracted(
        media_type=str(done["media_type"]),
        pages=done["pages"],
        notice=done["notice"],
        chunks=chunks,
        symbols=symbols,
    )


def text_hash(header: str, text: str) -> str:
    """The key of a chunk's vector: SHA-256, in hex, of what is embedded."""
    return hashlib.sha256(embedded_text(header, text).encode()).hexdigest()
