"""Embeddings and relevance over HTTP, in the forms of OpenAI and of Jina's and llama.cpp's rerankers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aiohttp import web

from petra.errors import BadRequest, Busy
from petra.inference.worker.body import read
from petra.inference.worker.engine import Embedder, Reranker, Vectors
from petra.inference.worker.fields import Fields

MOST_TEXTS = 2048
# Characters of all requests under way: they take memory while they wait.
MOST_CHARACTERS = 1 << 26


class Embeddings:
    """Vectors, as numbers or as the base64 of little-endian float32 (a third of the size, no parsing)."""

    def __init__(self, engine: Embedder) -> None:
        self._engine = engine
        self._room = _Room()

    async def embeddings(self, request: web.Request) -> web.Response:
        """POST /v1/embeddings."""
        fields = Fields(await read(request))
        texts = fields.texts("input", MOST_TEXTS)
        form = fields.text("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise BadRequest(f"encoding_format is {form!r}"[:80], cause="Possible: float, base64")
        if fields.get("dimensions") is not None:
            raise BadRequest("This model's server cannot do dimensions", remedy="Leave dimensions out")
        if not texts:
            raise BadRequest("input is empty")
        with self._room.of(texts):
            vectors = await self._engine.embed(texts)
        # Numbers as text take a second for every million of them.
        body = await asyncio.to_thread(_written, self._engine.name, vectors, form)
        return web.Response(body=body, content_type="application/json")


class Relevance:
    """How well each of some texts answers a question, the best first."""

    def __init__(self, engine: Reranker) -> None:
        self._engine = engine
        self._room = _Room()

    async def rerank(self, request: web.Request) -> web.Response:
        """POST /v1/rerank."""
        fields = Fields(await read(request))
        query = fields.needed_text("query")
        documents = fields.texts("documents", MOST_TEXTS)
        if not documents:
            raise BadRequest("documents is empty")
        most = fields.whole("top_n", 1, 1 << 31) or len(documents)
        with self._room.of([query, *documents]):
            scores = await self._engine.rerank(query, documents)
        ranked = sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))[:most]
        results = [{"index": index, "relevance_score": score} for index, score in ranked]
        return web.json_response({"object": "list", "model": self._engine.name, "results": results})


class _Room:
    """For the texts of the requests under way. One alone is never refused."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def of(self, texts: Sequence[str]) -> Iterator[None]:
        """Room for these. Raises Busy."""
        size = sum(map(len, texts))
        if self._taken and self._taken + size > MOST_CHARACTERS:
            raise Busy(
                "The model has too much to read",
                cause=f"{self._taken} characters are under way, and there may be {MOST_CHARACTERS}",
                remedy="Ask again in a moment",
            )
        self._taken += size
        try:
            yield
        finally:
            self._taken -= size


def _written(model: str, vectors: Vectors, form: str) -> bytes:
    """OpenAI's reply, vector by vector: between two of them others have their turn."""
    items = []
    for index, row in enumerate(vectors):
        value = row.tolist() if form == "float" else base64.b64encode(row.astype("<f4").tobytes()).decode()
        items.append(json.dumps({"object": "embedding", "index": index, "embedding": value}))
    head = json.dumps({"object": "list", "model": model, "usage": {}})[:-1]
    return f'{head}, "data": [{", ".join(items)}]}}'.encode()
