"""Files to chunks without ever parsing one here: the parent's side of the extraction children."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from petra.knowledge.blocks import embedded_text
from petra.knowledge.extract.process import Child
from petra.storage.chunks import NewChunk

T = TypeVar("T")

MiB = 1024 * 1024
CHILDREN = 2
WIDEST = 2400


@dataclass(frozen=True)
class Extracted:
    """A document as chunks. `notice` tells the person what was left out, for example pages past the cap."""

    media_type: str
    pages: int | None
    notice: str | None
    chunks: list[NewChunk]


class Extractor:
    """Runs extraction in children: one for each binary file, one long-lived one for all texts.

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
    ) -> None:
        self._timeout = timeout
        numbers = {
            "--memory": memory,
            "--seconds": timeout,
            "--pages": page_limit,
            "--text": text_limit,
            "--chunk-size": chunk_size,
            "--chunk-overlap": chunk_overlap,
        }
        self._arguments = [word for name, number in numbers.items() for word in (name, str(number))]
        self._tokenizer = ["--tokenizer", str(tokenizer)] if tokenizer else []
        self._places = asyncio.Semaphore(CHILDREN)
        self._turn = asyncio.Lock()
        self._reader: Child | None = None
        self._threads = ThreadPoolExecutor(CHILDREN + 1, thread_name_prefix="extract")

    async def extract(self, path: Path, name: str) -> Extracted:
        """The chunks of a file. `name` is shown in errors and tells kinds of text apart.

        Raises UnreadableDocument: encrypted, damaged, without text, binary, empty, too large.
        """
        request = {"op": "extract", "path": str(path), "name": name}
        async with self._turn:
            answers = await self._ask(await self._ready(), {**request, "forms": ["text"]}, name)
        if "refer" in answers[-1]:
            async with self._places:
                child = await self._start(idle=True)
                try:
                    answers = await self._ask(child, {**request, "forms": [answers[-1]["refer"]]}, name)
                finally:
                    await self._run(child.end)
        return await self._run(_extracted, answers)

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
        async with self._places:
            child = await self._start(idle=False)
            try:
                answers = await self._ask(child, request, name)
            finally:
                await self._run(child.end)
        return base64.b64decode(answers[-1]["done"]["png"])

    async def close(self) -> None:
        """End the children."""
        if self._reader:
            await self._run(self._reader.end)
            self._reader = None
        self._threads.shutdown(wait=False)

    async def _ready(self) -> Child:
        """The long-lived child, a new one when a file has ended the last."""
        if self._reader and not self._reader.alive:
            await self._run(self._reader.end)
            self._reader = None
        self._reader = self._reader or await self._start(idle=True)
        return self._reader

    async def _start(self, *, idle: bool) -> Child:
        arguments = [*self._arguments, *self._tokenizer, *(["--idle"] if idle else [])]
        return await self._run(Child, arguments, self._timeout)

    async def _ask(self, child: Child, request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        """All answers of a child, which is ended when the caller is cancelled."""
        running = asyncio.ensure_future(self._run(lambda: list(child.ask(request, name))))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await self._run(child.end)
            await asyncio.wait([running])
            running.exception()
            raise

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)


def _extracted(answers: list[dict[str, Any]]) -> Extracted:
    *pieces, last = answers
    done = last["done"]
    chunks = []
    for ordinal, answer in enumerate(pieces):
        header, text, _, pages, lines = answer["piece"]
        chunks.append(
            NewChunk(
                ordinal=ordinal,
                header=str(header),
                text=str(text),
                pages=(int(pages[0]), int(pages[1])) if pages else None,
                lines=(int(lines[0]), int(lines[1])) if lines else None,
                text_hash=text_hash(str(header), str(text)),
            )
        )
    return Extracted(
        media_type=str(done["media_type"]), pages=done["pages"], notice=done["notice"], chunks=chunks
    )


def text_hash(header: str, text: str) -> str:
    """The key of a chunk's vector: SHA-256, in hex, of what is embedded."""
    return hashlib.sha256(embedded_text(header, text).encode()).hexdigest()
