"""What a model endpoint offers, found out by asking it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from petra.inference.connection import Connection

UNKNOWN_CONTEXT = 4096


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


async def probed(connection: Connection, model: str | None) -> Capabilities:
    """What is behind a connection, for this of its models. Raises ModelUnavailable where nothing is."""
    health = await connection.try_json("GET", "/health") or {}
    many = await connection.try_json("POST", "/tokenize", {"content": ["a", "b"]})
    one = many or await connection.try_json("POST", "/tokenize", tokenize_body("a", model))
    return Capabilities(
        tokenize=one is not None,
        tokenize_many=len((many or {}).get("counts") or ()) == 2,
        rerank=await _offers(connection, health, "rerank", "/v1/rerank"),
        infill=await _offers(connection, health, "infill", "/infill"),
        metrics=await connection.has("/metrics", None),
        context=await _context(connection, health, one or {}),
        prefill_tokens_per_s=_positive(health.get("prefill_tokens_per_s")),
        public_prefix=health.get("public_prefix") is True,
    )


async def with_rate_of_now(connection: Connection, known: Capabilities) -> Capabilities:
    """The same with the prefill rate asked again, where the endpoint measures one."""
    if known.prefill_tokens_per_s is None:
        return known
    health = await connection.try_json("GET", "/health") or {}
    rate = _positive(health.get("prefill_tokens_per_s"))
    return replace(known, prefill_tokens_per_s=rate or known.prefill_tokens_per_s)


def tokenize_body(text: str, model: str | None) -> dict[str, Any]:
    """What `/tokenize` is sent for one text: llama-server reads `content`, vLLM `prompt`."""
    return {"content": text, "prompt": text} | ({"model": model} if model else {})


async def _offers(connection: Connection, health: Mapping[str, Any], name: str, path: str) -> bool:
    """What `/health` says of itself counts: a path may be there for other models than this one."""
    said = health.get(name)
    return said if isinstance(said, bool) else await connection.has(path, {})


async def _context(connection: Connection, health: Mapping[str, Any], tokenized: Mapping[str, Any]) -> int:
    """From our `/health`, vLLM's `/tokenize` or llama-server's `/props`, whichever says it."""
    for value in (health.get("context"), tokenized.get("max_model_len")):
        if isinstance(value, int) and value > 0:
            return value
    props = await connection.try_json("GET", "/props") or {}
    value = (props.get("default_generation_settings") or {}).get("n_ctx")
    return value if isinstance(value, int) and value > 0 else UNKNOWN_CONTEXT


def _positive(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and value > 0 else None
