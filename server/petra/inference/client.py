"""The one adapter for any OpenAI-compatible endpoint: Petra's workers, llama-server, vLLM, Ollama, …"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import aiohttp
import numpy as np

from petra.errors import ModelUnavailable
from petra.inference import sse
from petra.inference.failures import from_response, from_stream, unreachable

EMBED_BATCH = 64
UNKNOWN_CONTEXT = 4096


@dataclass(frozen=True)
class ChatMessage:
    """One turn of the prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Delta:
    """A piece of the answer, to append."""

    text: str


@dataclass(frozen=True)
class Queued:
    """The request waits: `position` 0 is next; `estimate_s` seconds until it starts, where known."""

    position: int
    estimate_s: float | None = None


@dataclass(frozen=True)
class Finished:
    """The last event of every whole answer. Tokens are the model's own, 0 where it does not count."""

    reason: Literal["stop", "length"]
    prompt_tokens: int
    completion_tokens: int


ChatEvent = Delta | Queued | Finished


@dataclass(frozen=True)
class Capabilities:
    """What an endpoint offers beyond chat, embeddings and a list of models.

    `context` is in tokens, answer included, UNKNOWN_CONTEXT where the endpoint does not say;
    `prefill_tokens_per_s` is the rate it measured on itself, None where it does not say. With
    `public_prefix` it lets people share the reading of what is marked public, and of nothing else.
    """

    tokenize: bool = False
    tokenize_many: bool = False
    rerank: bool = False
    infill: bool = False
    metrics: bool = False
    context: int = UNKNOWN_CONTEXT
    prefill_tokens_per_s: float | None = None
    public_prefix: bool = False


class ModelEndpoint:
    """A model at an address: "unix:/path" or "http(s)://host:port[/v1]".

    `model` is the name sent with each request (None: the endpoint's only or first model), `token` its
    bearer token. Errors: ModelUnavailable (away, or ended in the middle), Busy, TooLarge, BadRequest.
    """

    def __init__(self, address: str, *, model: str | None = None, token: str | None = None) -> None:
        self.address = address
        self.model = model
        self._token = token
        self._session: aiohttp.ClientSession | None = None
        self._capabilities: Capabilities | None = None
        socket, is_unix = address.removeprefix("unix:"), address.startswith("unix:")
        self._socket = socket if is_unix else None
        self._base = "http://petra-worker" if is_unix else address.rstrip("/").removesuffix("/v1")

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
        body: dict[str, Any] = {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if public_messages:
            able = self._capabilities or await self.capabilities()
            public_messages = public_messages if able.public_prefix else 0
        optional = {
            "seed": seed,
            "stop": list(stop) or None,
            "user": user,
            "model": self.model,
            "public_messages": public_messages or None,
        }
        body |= {key: value for key, value in optional.items() if value is not None}
        reason: str | None = None
        usage: Mapping[str, Any] = {}
        async with self._request("POST", "/v1/chat/completions", body) as response:
            async for event in _events(response):
                if event.name == "queue":
                    place = _json(event.data)
                    yield Queued(int(place.get("position") or 0), place.get("estimate_s"))
                    continue
                if event.data == "[DONE]":
                    break
                data = _json(event.data)
                if event.name == "error" or data.get("error"):
                    raise from_stream(data)
                usage = data.get("usage") or usage
                for choice in data.get("choices") or ():
                    if text := (choice.get("delta") or {}).get("content"):
                        yield Delta(text)
                    reason = choice.get("finish_reason") or reason
        if reason is None:
            raise ModelUnavailable(
                "The model stopped in the middle of the answer",
                cause="Its stream ended without an end mark",
                remedy="Ask again; the text so far is kept",
            )
        yield Finished(
            "length" if reason == "length" else "stop",
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or 0),
        )

    async def fill_in(
        self, prefix: str, suffix: str, *, max_tokens: int, user: str | None = None
    ) -> AsyncGenerator[str]:
        """Stream what a model that has learned it writes between two texts (`Capabilities.infill`), the
        likeliest of all. Closing the generator closes the connection: that cancels."""
        body: dict[str, Any] = {
            "input_prefix": prefix,
            "input_suffix": suffix,
            "n_predict": max_tokens,
            "temperature": 0.0,
            "stream": True,
        }
        optional = {"user": user, "model": self.model}
        body |= {key: value for key, value in optional.items() if value is not None}
        async with self._request("POST", "/infill", body) as response:
            async for event in _events(response):
                if event.name == "queue" or event.data == "[DONE]":
                    continue
                data = _json(event.data)
                if event.name == "error" or data.get("error"):
                    raise from_stream(data)
                if text := data.get("content"):
                    yield str(text)
                if data.get("stop"):
                    return

    async def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Vectors of `texts`, float32 (n, d), in their order and as long as the model makes them."""
        rows: list[np.ndarray[Any, np.dtype[np.float32]]] = []
        for start in range(0, len(texts), EMBED_BATCH):
            body: dict[str, Any] = {
                "input": list(texts[start : start + EMBED_BATCH]),
                "encoding_format": "base64",
            }
            if self.model:
                body["model"] = self.model
            data = await self._json("POST", "/v1/embeddings", body)
            items = sorted(data.get("data") or (), key=lambda item: item["index"])
            rows.extend(_vector(item["embedding"]) for item in items)
        if len(rows) != len(texts):
            raise ModelUnavailable(
                f"The embedder returned {len(rows)} vectors for {len(texts)} texts",
                remedy="Check that EMBEDDING_MODEL is an embedding model",
            )
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float]:
        """How well each of `documents` answers `query`, in their order: 0 to 1 from Petra's own reranker,
        other endpoints have scales of their own."""
        scores: dict[int, float] = {}
        if documents:
            body: dict[str, Any] = {"query": query, "documents": list(documents)}
            if self.model:
                body["model"] = self.model
            data = await self._json("POST", "/v1/rerank", body)
            scores = {item["index"]: float(item["relevance_score"]) for item in data.get("results") or ()}
        if scores.keys() != set(range(len(documents))):
            raise ModelUnavailable(
                f"The reranker returned {len(scores)} scores for {len(documents)} texts",
                remedy="Check that this endpoint is a reranker",
            )
        return [scores[index] for index in range(len(documents))]

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens not counted; an estimate (a token for 3 bytes of UTF-8)
        where the endpoint cannot tokenise."""
        able = await self.capabilities()
        if not texts:
            return []
        if able.tokenize_many:
            data = await self._json("POST", "/tokenize", {"content": list(texts)})
            return [int(count) for count in data["counts"]]
        if able.tokenize:
            return [await self._count(text) for text in texts]
        return [len(text.encode()) // 3 + 1 for text in texts]

    async def models(self) -> list[str]:
        """Names of the models that the endpoint serves."""
        data = await self._json("GET", "/v1/models")
        return [str(item["id"]) for item in data.get("data") or ()]

    async def capabilities(self) -> Capabilities:
        """What the endpoint offers; probed once, the prefill rate asked again each time."""
        if self._capabilities is None:
            self._capabilities = await self._probe()
        elif self._capabilities.prefill_tokens_per_s is not None:
            health = await self._try_json("GET", "/health") or {}
            rate = _positive(health.get("prefill_tokens_per_s"))
            return _with_rate(self._capabilities, rate)
        return self._capabilities

    async def health(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """The endpoint's `/health`. Raises ModelUnavailable when it does not answer in time."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._json("GET", "/health")
        except TimeoutError as error:
            raise unreachable(self.address, error) from error

    async def close(self) -> None:
        """Close the connections; requests under way fail."""
        if self._session:
            await self._session.close()
            self._session = None

    async def _probe(self) -> Capabilities:
        health = await self._try_json("GET", "/health") or {}
        many = await self._try_json("POST", "/tokenize", {"content": ["a", "b"]})
        one = many or await self._try_json("POST", "/tokenize", self._tokenize_body("a"))
        return Capabilities(
            tokenize=one is not None,
            tokenize_many=len((many or {}).get("counts") or ()) == 2,
            rerank=await self._offers(health, "rerank", "/v1/rerank"),
            infill=await self._offers(health, "infill", "/infill"),
            metrics=await self._has("/metrics", None),
            context=await self._context(health, one or {}),
            prefill_tokens_per_s=_positive(health.get("prefill_tokens_per_s")),
            public_prefix=health.get("public_prefix") is True,
        )

    async def _context(self, health: Mapping[str, Any], tokenized: Mapping[str, Any]) -> int:
        """From our `/health`, vLLM's `/tokenize` or llama-server's `/props`, whichever says it."""
        for value in (health.get("context"), tokenized.get("max_model_len")):
            if isinstance(value, int) and value > 0:
                return value
        props = await self._try_json("GET", "/props") or {}
        value = (props.get("default_generation_settings") or {}).get("n_ctx")
        return value if isinstance(value, int) and value > 0 else UNKNOWN_CONTEXT

    def _tokenize_body(self, text: str) -> dict[str, Any]:
        # llama-server reads `content`, vLLM `prompt`.
        body: dict[str, Any] = {"content": text, "prompt": text}
        if self.model:
            body["model"] = self.model
        return body

    async def _count(self, text: str) -> int:
        data = await self._json("POST", "/tokenize", self._tokenize_body(text))
        return len(data.get("tokens") or ())

    async def _offers(self, health: Mapping[str, Any], name: str, path: str) -> bool:
        """What `/health` says of itself counts: a path may be there for other models than this one."""
        said = health.get(name)
        return said if isinstance(said, bool) else await self._has(path, {})

    async def _has(self, path: str, body: Mapping[str, Any] | None) -> bool:
        """Whether a path is served: a complaint about the (empty) body is a yes, 404 and 501 are a no."""
        method = "GET" if body is None else "POST"
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                return response.status in (200, 400, 422)
        except (aiohttp.ClientError, OSError):
            return False

    async def _try_json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """The answer, or None where the endpoint refuses or does not know the request. Raises
        ModelUnavailable where there is no endpoint at all."""
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                if response.status != 200:
                    return None
                data = await response.json(content_type=None)
                return data if isinstance(data, dict) else None
        except ValueError:
            return None
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.address, error) from error

    async def _json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        async with self._request(method, path, body) as response:
            try:
                data = await response.json(content_type=None)
            except ValueError as error:
                raise unreachable(self.address, error) from error
            return data if isinstance(data, dict) else {}

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response of status 200. The connection is closed, not reused, when its body was not read to
        the end: that is how the endpoint learns that nobody wants the rest."""
        try:
            async with self._open().request(method, self._base + path, json=body) as response:
                if response.status != 200:
                    raise from_response(response.status, await response.text(errors="replace"))
                try:
                    yield response
                finally:
                    if not response.content.at_eof():
                        response.close()
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise unreachable(self.address, error) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
            # A connection for each request: 0.1 ms on a unix socket, and a kept-alive one may be closed
            # by the other side (llama-server does after each stream) just as it is used again.
            connector = (
                aiohttp.UnixConnector(self._socket, limit=0, force_close=True)
                if self._socket
                else aiohttp.TCPConnector(limit=0, force_close=True)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=headers,
                # No limit on a whole answer: the caller has one. Silence is the supervisor's business.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            )
        return self._session


def _with_rate(capabilities: Capabilities, rate: float | None) -> Capabilities:
    """`capabilities` with a newer prefill rate, where there is one."""
    return replace(capabilities, prefill_tokens_per_s=rate or capabilities.prefill_tokens_per_s)


async def _events(response: aiohttp.ClientResponse) -> AsyncIterator[sse.Event]:
    decoder = sse.Decoder()
    async for chunk in response.content.iter_any():
        for event in decoder.feed(chunk):
            yield event


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ModelUnavailable(
            "The model's answer cannot be read", cause="Its stream holds something that is not JSON"
        ) from error
    return data if isinstance(data, dict) else {}


def _vector(value: str | Sequence[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value), np.dtype("<f4")).astype(np.float32)
    return np.asarray(value, np.float32)


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
