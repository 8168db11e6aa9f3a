"""What a model's endpoint replies, read: the events of an answer, vectors, scores."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from petra.errors import ModelUnavailable
from petra.inference import sse
from petra.inference.failures import from_stream

Vectors = np.ndarray[Any, np.dtype[np.float32]]


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


async def chat_events(stream: AsyncIterator[sse.Event]) -> AsyncGenerator[ChatEvent]:
    """An answer as it comes. Raises what the stream reports, and ModelUnavailable where it has no end."""
    reason: str | None = None
    usage: Mapping[str, Any] = {}
    async for event in stream:
        if event.name == "queue":
            place = _json(event.data)
            yield Queued(int(place.get("position") or 0), place.get("estimate_s"))
            continue
        if event.data == "[DONE]":
            break
        data = _reported(event)
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


async def infill_texts(stream: AsyncIterator[sse.Event]) -> AsyncGenerator[str]:
    """The pieces of what stands between two texts. Raises what the stream reports."""
    async for event in stream:
        if event.name == "queue" or event.data == "[DONE]":
            continue
        data = _reported(event)
        if text := data.get("content"):
            yield str(text)
        if data.get("stop"):
            return


def vectors(data: Mapping[str, Any]) -> list[Vectors]:
    """Those of a reply of `/v1/embeddings`, in the order of its texts."""
    items = sorted(data.get("data") or (), key=lambda item: item["index"])
    return [_vector(item["embedding"]) for item in items]


def scores(data: Mapping[str, Any], count: int) -> list[float]:
    """Those of a reply of `/v1/rerank`, in the order of its `count` texts. Raises ModelUnavailable."""
    found = {item["index"]: float(item["relevance_score"]) for item in data.get("results") or ()}
    if found.keys() != set(range(count)):
        raise ModelUnavailable(
            f"The reranker returned {len(found)} scores for {count} texts",
            remedy="Check that this endpoint is a reranker",
        )
    return [found[index] for index in range(count)]


def _reported(event: sse.Event) -> dict[str, Any]:
    """What an event holds. Raises it where that is an error."""
    data = _json(event.data)
    if event.name == "error" or data.get("error"):
        raise from_stream(data)
    return data


def _json(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ModelUnavailable(
            "The model's answer cannot be read", cause="Its stream holds something that is not JSON"
        ) from error
    return data if isinstance(data, dict) else {}


def _vector(value: str | Sequence[float]) -> Vectors:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value), np.dtype("<f4")).astype(np.float32)
    return np.asarray(value, np.float32)
