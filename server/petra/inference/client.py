"""The one adapter for any OpenAI-compatible endpoint: Petra's workers, llama-server, vLLM, Ollama, …"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from petra.errors import ModelUnavailable
from petra.inference.capabilities import Capabilities, probed, tokenize_body, with_rate_of_now
from petra.inference.connection import Connection
from petra.inference.failures import unreachable
from petra.inference.replies import ChatEvent, Vectors, chat_events, infill_texts, scores, vectors

EMBED_BATCH = 64


@dataclass(frozen=True)
class ChatMessage:
    """One turn of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class ModelEndpoint:
    """A model at an address: "unix:/path" or "http(s)://host:port[/v1]".

    `model` is the name sent with each request (None: the endpoint's only or first model), `token` its
    bearer token. Errors: ModelUnavailable (away, or ended in the middle), Busy, TooLarge, BadRequest.
    """

    def __init__(self, address: str, *, model: str | None = None, token: str | None = None) -> None:
        self.address = address
        self.model = model
        self._token = token
        self._connection = Connection(address, token)
        self._capabilities: Capabilities | None = None

    def serving(self, model: str) -> ModelEndpoint:
        """The same address with another of its models; to be closed like this one."""
        return ModelEndpoint(self.address, model=model, token=self._token)

    async def chat(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        user: str | None = None,
        public_messages: int = 0,
    ) -> AsyncGenerator[ChatEvent]:
        """Stream an answer. Closing the generator (`aclosing`) closes the connection: that cancels.

        Text arrives before any error of the middle of the answer does, and a whole answer ends with
        Finished. `temperature` 0 is greedy. The first `public_messages` messages hold nothing of this
        `user`: an endpoint that knows what that means reads them once for all people.
        """
        if public_messages and not (self._capabilities or await self.capabilities()).public_prefix:
            public_messages = 0
        body = self._body(
            messages=[{"role": message.role, "content": message.content} for message in messages],
            max_tokens=max_tokens,
            temperature=temperature,
            stream=True,
            stream_options={"include_usage": True},
            seed=seed,
            stop=list(stop) or None,
            user=user,
            public_messages=public_messages or None,
        )
        async with (
            self._connection.stream("/v1/chat/completions", body) as stream,
            aclosing(chat_events(stream)) as events,
        ):
            async for event in events:
                yield event

    async def fill_in(
        self, prefix: str, suffix: str, *, max_tokens: int, user: str | None = None
    ) -> AsyncGenerator[str]:
        """Stream what a model that has learned it writes between two texts (`Capabilities.infill`), the
        likeliest of all. Closing the generator closes the connection: that cancels."""
        body = self._body(
            input_prefix=prefix,
            input_suffix=suffix,
            n_predict=max_tokens,
            temperature=0.0,
            stream=True,
            user=user,
        )
        async with (
            self._connection.stream("/infill", body) as stream,
            aclosing(infill_texts(stream)) as texts,
        ):
            async for text in texts:
                yield text

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`, float32 (n, d), in their order and as long as the model makes them."""
        rows: list[Vectors] = []
        for start in range(0, len(texts), EMBED_BATCH):
            body = self._body(input=list(texts[start : start + EMBED_BATCH]), encoding_format="base64")
            rows += vectors(await self._connection.json("POST", "/v1/embeddings", body))
        if len(rows) != len(texts):
            raise ModelUnavailable(
                f"The embedder returned {len(rows)} vectors for {len(texts)} texts",
                remedy="Check that EMBEDDING_MODEL is an embedding model",
            )
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """How well each of `documents` answers `query`, in their order: 0 to 1 from Petra's own reranker,
        other endpoints have scales of their own."""
        if not documents:
            return []
        body = self._body(query=query, documents=list(documents))
        return scores(await self._connection.json("POST", "/v1/rerank", body), len(documents))

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted; an estimate (a token for 3 bytes of UTF-8)
        where the endpoint cannot tokenise."""
        able = await self.capabilities()
        if not texts:
            return []
        if able.tokenize_many:
            data = await self._connection.json("POST", "/tokenize", {"content": list(texts)})
            return [int(count) for count in data["counts"]]
        if able.tokenize:
            return [await self._count(text) for text in texts]
        return [len(text.encode()) // 3 + 1 for text in texts]

    async def models(self) -> list[str]:
        """Names of the models that the endpoint serves."""
        data = await self._connection.json("GET", "/v1/models")
        return [str(item["id"]) for item in data.get("data") or ()]

    async def capabilities(self) -> Capabilities:
        """What the endpoint offers; probed once, the prefill rate asked again each time."""
        if self._capabilities is None:
            self._capabilities = await probed(self._connection, self.model)
            return self._capabilities
        return await with_rate_of_now(self._connection, self._capabilities)

    async def health(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """The endpoint's `/health`. Raises ModelUnavailable when it does not answer in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._connection.json("GET", "/health")
        except TimeoutError as error:
            raise unreachable(self.address, error) from error

    async def close(self) -> None:
        """Close the connections; requests under way fail."""
        await self._connection.close()

    async def _count(self, text: str) -> int:
        data = await self._connection.json("POST", "/tokenize", tokenize_body(text, self.model))
        return len(data.get("tokens") or ())

    def _body(self, **values: Any) -> dict[str, Any]:
        """What a request says: these values and the model, where there are any."""
        return {key: value for key, value in {**values, "model": self.model}.items() if value is not None}
